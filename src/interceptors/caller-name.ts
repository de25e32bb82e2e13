import { CALLER_HEADER, checkCallerName } from '../core/caller-name.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Interceptor } from '../core/interceptor.ts';

/**
 * Client layer. Names this process to those it calls. What the call's own metadata says stays.
 * `name`: undefined sends nothing and costs nothing. Throws a ConfigError for one that is none.
 */
export function callerName(name: string | undefined): Interceptor<ClientCall> {
  if (name === undefined) return (next) => next;
  checkCallerName('service', name);
  return (next) => (call) => {
    if (!call.headers.has(CALLER_HEADER)) call.headers.set(CALLER_HEADER, name);
    return next(call);
  };
}
