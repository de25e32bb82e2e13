import { callKey } from '../core/call-key.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import type { Bulkhead } from '../policies/bulkhead.ts';

const ENTERED = Promise.resolve();

/**
 * Client layer 5. A call holds one place, however many attempts it takes and however often a layer
 * above sends it on, until it is over: a streamed response until its last message. It waits for one
 * no longer than its deadline.
 */
export function bulkhead(
  bulkheadOf: (method: Method) => Bulkhead | undefined,
): Interceptor<ClientCall> {
  /** Settles when the call has its place. */
  const entry = callKey<Promise<void> | undefined>('bulkhead entry', undefined);
  return (next, method) => {
    const places = bulkheadOf(method);
    if (places === undefined) return next;
    const leave = (): void => places.leave();
    const sendAgain = async (call: ClientCall, entered: Promise<void>): Promise<Payload> => {
      await entered;
      return next(call);
    };
    const enterLate = async (call: ClientCall, wait: Promise<void>): Promise<Payload> => {
      call.set(entry, wait);
      try {
        await wait;
      } catch (error) {
        call.set(entry, undefined);
        throw error;
      }
      // Where the call has ended meanwhile, this gives the place back at once.
      call.onEnd(leave);
      return next(call);
    };
    return (call) => {
      const entered = call.get(entry);
      if (entered !== undefined) return sendAgain(call, entered);
      const wait = places.enter(call);
      if (wait !== undefined) return enterLate(call, wait);
      call.set(entry, ENTERED);
      call.onEnd(leave);
      return next(call);
    };
  };
}
