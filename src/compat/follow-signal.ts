import type { ClientCall } from '../index.ts';
import { Status } from '../index.ts';

/** Cancels a call when a signal aborts. */
export function followSignal(call: ClientCall, signal: AbortSignal): void {
  const abort = (): void => {
    const details = 'The call was cancelled by its caller';
    call.cancel({ code: Status.CANCELLED, details, cause: signal.reason });
  };
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener('abort', abort, { once: true });
  call.onEnd(() => signal.removeEventListener('abort', abort));
}
