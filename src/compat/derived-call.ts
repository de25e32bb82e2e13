import type { CallKey, CallStatus, Payload } from '../index.ts';
import { ClientCall, Status } from '../index.ts';

/**
 * The call that a middleware's `next` makes: one of its own each time, so that a middleware may
 * try again, below the call that the middleware was given. It ends with that call at the latest.
 */
export class DerivedCall extends ClientCall {
  private readonly parent: ClientCall;
  private readonly own = new Map<CallKey<unknown>, unknown>();

  constructor(parent: ClientCall, request: Payload) {
    super(parent.method, parent.runtime, request);
    this.parent = parent;
    this.deadline = parent.deadline;
    this.waitForReady = parent.waitForReady;
    this.timeoutMs = parent.timeoutMs;
    this.onRequestMessage((message) => parent.tapRequest(message));
    this.onResponseMessage((message) => parent.tapResponse(message));
    const unsubscribe = parent.onCancel((status) => this.abandon(status));
    this.onEnd(unsubscribe);
  }

  /** What layers above have left on the call is seen below, too. */
  override get<T>(key: CallKey<T>): T {
    return this.own.has(key) ? (this.own.get(key) as T) : this.parent.get(key);
  }

  override set<T>(key: CallKey<T>, value: T): void {
    this.own.set(key, value);
  }

  private abandon(status: CallStatus): void {
    const details = 'The call is over';
    const reason = status.code === Status.OK ? { code: Status.CANCELLED, details } : status;
    this.cancel(reason);
    // After an end nobody is left to end this one.
    if (this.parent.ended !== undefined) this.end(reason);
  }
}

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
