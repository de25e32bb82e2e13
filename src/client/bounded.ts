import type { ClientCall } from '../core/client-call.ts';
import { RpcError } from '../core/errors.ts';
import type { Handler } from '../core/interceptor.ts';
import type { Payload } from '../core/method.ts';

/**
 * Runs a call through its stack, no longer than the call lives: a layer or a credential source
 * that does not listen to cancellation must not hold its caller beyond the deadline. Those that do
 * listen have the turn in which the call was cancelled, for they know better why.
 */
export function bounded(call: ClientCall, handler: Handler<ClientCall>): Promise<Payload> {
  return new Promise((resolve, reject) => {
    const forget = call.onCancel((status) => {
      setImmediate(() => reject(new RpcError(call.method.path, status)));
    });
    handler(call).then(
      (payload) => {
        forget();
        resolve(payload);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}
