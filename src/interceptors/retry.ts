import type { ClientCall } from '../core/client-call.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { RetryRules } from '../policies/retry-rules.ts';
import type { SharedRetryState } from './attempts.ts';
import { Attempts } from './attempts.ts';

/**
 * Client layer 6. Makes the attempts of each call, one after the other or, hedged, side by side.
 * Nothing else retries but the transport's transparent retry of streams that no server has seen.
 */
export function retry(
  rulesOf: (method: Method) => RetryRules,
  shared: SharedRetryState,
): Interceptor<ClientCall> {
  return (next, method) => {
    const rules = rulesOf(method);
    return (call) => new Attempts(call, next, rules, shared).run();
  };
}
