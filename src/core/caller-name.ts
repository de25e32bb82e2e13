import { ConfigError } from './errors.ts';

/** What a client names itself by. Whoever calls may write anything in it: it proves nothing. */
export const CALLER_HEADER = 'x-inboard-caller';

const NAME = /^[\w./-]{1,64}$/;

/** Whether a name can be sent, logged and counted as it is. */
export function isCallerName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/** Refuses, with a ConfigError that names `option`, what no server would take for a name. */
export function checkCallerName(option: string, name: unknown): void {
  if (isCallerName(name)) return;
  throw new ConfigError(
    `${option} is ${JSON.stringify(name) ?? 'no text'}: give up to 64 letters, digits and . _ / -`,
  );
}
