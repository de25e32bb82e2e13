import type { ClientCall } from './client-call.ts';
import { RpcError } from './errors.ts';
import type { Handler } from './interceptor.ts';
import type { Payload } from './method.ts';

/**
 * Runs a call through the layers below, no longer than it lives: one that does not listen to
 * cancellation must not hold what is above it. Those that do listen have `turns` turns of the loop
 * from the one in which the call was cancelled, for they know better why.
 */
export function bounded(
  call: ClientCall,
  handler: Handler<ClientCall>,
  turns: number,
): Promise<Payload> {
  return new Promise((resolve, reject) => {
    const forget = call.onCancel((status) => {
      afterTurns(turns, () => reject(new RpcError(call.method.path, status)));
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

function afterTurns(turns: number, body: () => void): void {
  setImmediate(turns > 1 ? () => afterTurns(turns - 1, body) : body);
}
