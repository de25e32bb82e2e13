import { DEFAULT_RETRY } from '../policies/policy.ts';
import type { OptionValues, Refusal, Values } from './read-option.ts';

/** What a service's option and a method's own say together. */
export interface ContractPolicy {
  readonly values: Values;
  /** The path in the descriptor of what each value is from, by dotted key. */
  readonly paths: ReadonlyMap<string, readonly number[]>;
}

/** An option that is not there. */
export const NO_OPTION: OptionValues = { values: {}, paths: new Map(), refused: [] };

/**
 * The method's option over its service's, value by value. Retries and hedges of the service are not
 * for a method that may not run twice; what turns them off is.
 */
export function layOver(
  service: OptionValues,
  method: OptionValues,
  idempotent: boolean,
): ContractPolicy {
  const inherited = idempotent ? service.values : withoutRepeats(service.values);
  const paths = new Map(
    [...service.paths].filter(([key]) => Object.hasOwn(inherited, key.split('.')[0] ?? '')),
  );
  for (const [key, path] of method.paths) paths.set(key, path);
  const merged = Object.entries(overlay(inherited, method.values));
  const number = (key: string): number => paths.get(key)?.at(-1) ?? 0;
  const inOrder = merged.toSorted(([one], [other]) => number(one) - number(other));
  return { values: Object.fromEntries(inOrder), paths };
}

/** Whether these values ask for attempts beyond the first one. */
export function repeats({ retry, hedge }: Values): boolean {
  return repeated(retry) || isObject(hedge);
}

/** Refuses, with a message, what asks for attempts beyond the first one. */
export function refusedRepeats({ retry, hedge }: Values, message: string): Refusal[] {
  return [
    ...(repeated(retry) ? [{ key: 'retry', message }] : []),
    ...(isObject(hedge) ? [{ key: 'hedge', message }] : []),
  ];
}

function withoutRepeats(values: Values): Values {
  const left = Object.entries(values).filter(
    ([key, value]) =>
      !(key === 'retry' && repeated(value)) && !(key === 'hedge' && isObject(value)),
  );
  return Object.fromEntries(left);
}

function repeated(retry: unknown): boolean {
  return isObject(retry) && Number(retry['attempts'] ?? DEFAULT_RETRY.attempts) > 1;
}

function overlay(weak: Values, strong: Values): Values {
  const values: Record<string, unknown> = { ...weak };
  for (const [key, value] of Object.entries(strong)) {
    const below = weak[key];
    values[key] = isObject(below) && isObject(value) ? overlay(below, value) : value;
  }
  return values;
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
