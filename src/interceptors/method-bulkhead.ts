import { RejectedError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { refuseOver } from '../core/server-call.ts';
import type { Bulkhead } from '../policies/bulkhead.ts';
import { shed } from './shed.ts';

/**
 * Server layer 9. Lets so many calls of one method run at a time; what its queue does not hold is
 * shed. Below authorisation, so that who may not call takes no place from those who may.
 */
export function methodBulkhead(
  bulkheadOf: (method: Method) => Bulkhead | undefined,
): Interceptor<ServerCall> {
  return (next, method) => {
    const bulkhead = bulkheadOf(method);
    if (bulkhead === undefined) return next;
    const leave = (): void => bulkhead.leave();
    const goOnAfter = async (call: ServerCall, place: Promise<void>): Promise<Payload> => {
      try {
        await place;
      } catch (error) {
        // What ended while it waited is told as what ended it.
        refuseOver(call);
        if (!(error instanceof RejectedError)) throw error;
        throw shed(call, `${method.service}/${method.name} runs as many calls as it may`);
      }
      call.onEnd(leave);
      refuseOver(call);
      return next(call);
    };
    return (call) => {
      const place = bulkhead.enter(call);
      if (place !== undefined) return goOnAfter(call, place);
      call.onEnd(leave);
      return next(call);
    };
  };
}
