import { ConfigError } from '../core/errors.ts';
import type { Method } from '../core/method.ts';
import type { ServerOptions } from './options.ts';

/**
 * Refuses options for what is not served: a typing error would leave the real method without its
 * rule or its limit.
 */
export function checkNames(options: ServerOptions, served: Iterable<Method>): void {
  const known = new Set<string>();
  for (const { service, name } of served) known.add(service).add(`${service}/${name}`);
  for (const option of ['authorize', 'methods'] as const) {
    for (const key of Object.keys(options[option] ?? {})) {
      if (!known.has(key)) {
        throw new ConfigError(`${option} names '${key}', which this server does not serve`);
      }
    }
  }
  checkRules(options);
}

function checkRules({ authorize = {}, authenticate = [] }: ServerOptions): void {
  const nobodyAuthenticates = typeof authenticate !== 'function' && authenticate.length === 0;
  for (const [key, rule] of Object.entries(authorize)) {
    if (typeof rule !== 'function' && rule !== 'anyone' && rule !== 'authenticated') {
      const rules = "'anyone', 'authenticated' or a function";
      throw new ConfigError(`authorize says '${String(rule)}' for '${key}': give ${rules}`);
    }
    if (rule === 'authenticated' && nobodyAuthenticates) {
      throw new ConfigError(`authorize asks who calls '${key}', but nobody authenticates`);
    }
  }
}
