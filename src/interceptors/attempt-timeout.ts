import type { ClientCall } from '../core/client-call.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { RpcError } from '../core/errors.ts';
import type { Handler, Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import { checkAboveZero } from '../core/checks.ts';

/**
 * Client layer 9, inside the breaker: an attempt that takes too long is a failure, and may be
 * followed by another one. For a streamed response it bounds the time until that begins, and leaves
 * the deadline that the server learns alone.
 */
export function attemptTimeout(
  timeoutOf: (method: Method) => number | undefined,
): Interceptor<ClientCall> {
  return (next, method) => {
    const timeoutMs = timeoutOf(method);
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return next;
    checkAboveZero('attemptTimeoutMs', timeoutMs);
    const status: CallStatus = {
      code: Status.DEADLINE_EXCEEDED,
      details: `The attempt took longer than ${timeoutMs} ms`,
    };
    return (call) => {
      const { clock } = call.runtime;
      const untilMs = clock.now() + timeoutMs;
      // The call's own deadline comes first and ends the attempt, too.
      if (call.deadline <= untilMs) return next(call);
      if (!method.responseStream) call.deadline = untilMs;
      return limited(call, next, clock, untilMs, status);
    };
  };
}

/**
 * A layer below that does not listen to cancellation must not hold the attempt. Those that do
 * listen have the turn in which it was cancelled, for they know whether anything was sent.
 */
function limited(
  call: ClientCall,
  next: Handler<ClientCall>,
  clock: Clock,
  untilMs: number,
  status: CallStatus,
): Promise<Payload> {
  return new Promise((resolve, reject) => {
    const timer: Timer = clock.setTimer(untilMs, () => {
      call.cancel(status);
      setImmediate(() => reject(new RpcError(call.method.path, status)));
    });
    call.onEnd(() => timer.clear());
    next(call).then(
      (payload) => {
        timer.clear();
        resolve(payload);
      },
      (error: unknown) => {
        timer.clear();
        reject(error);
      },
    );
  });
}
