import type { ClientCall } from '../core/client-call.ts';
import { RejectedError, statusOfError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import { Status } from '../core/status.ts';
import { isNeutral } from '../policies/failure.ts';
import type { AdaptiveThrottle } from '../policies/throttle.ts';

/**
 * Client layer, between rate limit and bulkhead. Refuses calls that the server would most likely
 * turn away. A call counts once, by its final answer; a streamed response by whether it began.
 */
export function throttle(
  throttleOf: (method: Method) => AdaptiveThrottle | undefined,
): Interceptor<ClientCall> {
  return (next, method) => {
    const adaptive = throttleOf(method);
    if (adaptive === undefined) return next;
    const accepted = (payload: Payload): Payload => {
      adaptive.onAccepted();
      return payload;
    };
    const failed = (error: unknown): never => {
      learn(adaptive, error);
      throw error;
    };
    return (call) =>
      adaptive.allow()
        ? next(call).then(accepted, failed)
        : Promise.reject(refusal(method, adaptive));
  };
}

function learn(adaptive: AdaptiveThrottle, error: unknown): void {
  // What another layer refused never asked a server.
  if (error instanceof RejectedError) return;
  const status = statusOfError(error);
  if (status.code === Status.UNAVAILABLE) {
    adaptive.onRejected();
    return;
  }
  // Calls that were given up or failed here, or never sent, tell of no server either.
  if (status.code === Status.CANCELLED || isNeutral({ status, cancelled: undefined })) return;
  if (status.code === Status.RESOURCE_EXHAUSTED) adaptive.onRejected();
  else adaptive.onAccepted();
}

function refusal({ path }: Method, adaptive: AdaptiveThrottle): RejectedError {
  const percent = Math.round(adaptive.probability * 100);
  const details = `${path} is throttled: its server turns calls away, so ${percent} % are not made`;
  return new RejectedError(path, 'throttled', { code: Status.UNAVAILABLE, details });
}
