import { bounded } from '../core/bounded.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { RpcError } from '../core/errors.ts';
import { ConfigError, toRpcError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import { Status } from '../core/status.ts';

/**
 * What to answer in place of a failure: a message, or for a streamed response an async iterable of
 * messages; or a promise of it. What it throws leaves the failure as it was.
 */
export type Fallback = (error: RpcError, request: Payload) => Payload;

/**
 * Client layer 3. Answers with what the method's fallback gives when the call has failed for good;
 * not when its caller cancelled it, and a streamed response only until it has begun.
 *
 * A call whose deadline has passed is answered too, also where a layer below never answers, as long
 * as the fallback waits for nothing but what is already there: its caller is not kept waiting beyond
 * the deadline.
 */
export function fallback(
  fallbackOf: (method: Method) => Fallback | undefined,
): Interceptor<ClientCall> {
  return (next, method) => {
    const answer = fallbackOf(method);
    if (answer === undefined) return next;
    const recover = (call: ClientCall, error: unknown): Payload => {
      if (call.cancelled?.code === Status.CANCELLED || error instanceof ConfigError) throw error;
      // A layer above has answered without waiting: nobody is left to ask for.
      if (call.ended !== undefined) throw error;
      return answerWith(answer, call, toRpcError(method.path, error));
    };
    return (call) => bounded(call, next, 1).catch((error: unknown) => recover(call, error));
  };
}

async function answerWith(answer: Fallback, call: ClientCall, failure: RpcError): Promise<Payload> {
  try {
    return await answer(failure, call.request);
  } catch (error) {
    call.runtime.logger.error({ err: error, method: call.method.path }, 'a fallback threw');
    throw failure;
  }
}
