import type { Metadata } from 'nice-grpc-common';

import { Call } from './call.ts';
import type { Method, Payload } from './method.ts';
import type { CallRuntime } from './call-runtime.ts';
import { Status } from './status.ts';

export type HeaderListener = (header: Metadata) => void;

/** A call on its way out. */
export class ClientCall extends Call {
  request: Payload;
  /** Wait for an endpoint instead of failing at once when none is up. Default false. */
  waitForReady: boolean = false;
  /** What the call options say of the deadline, in ms; undefined leaves it to weaker sources. */
  timeoutMs: number | undefined = undefined;
  /** The target of the channel it goes through, as that was given; undefined outside of one. */
  target: string | undefined = undefined;
  /** Which endpoint the channel sent it to, once it did; of a call that is over, the last one. */
  endpoint: string | undefined = undefined;
  /** Endpoints that are picked only where no other is available. */
  avoid: ReadonlySet<string> | undefined = undefined;
  /** How many attempts the logical call made before this one. */
  attempt: number = 0;
  /** How many attempts it has made so far, transparent ones and hedges included. */
  attempts: number = 0;
  /** Bytes of the request that were encoded for the wire so far. */
  sentBytes: number = 0;
  /** For attempts: how many request messages of theirs this call's taps have seen. */
  tappedRequests: number = 0;
  private headerListeners: HeaderListener[] | undefined = undefined;

  constructor(method: Method, runtime: CallRuntime, request: Payload) {
    super(method, runtime);
    this.request = request;
  }

  /** Cancels the call when its caller's signal aborts; at once if it already has. */
  follow(signal: AbortSignal): void {
    const abort = (): void => {
      const details = 'The call was cancelled by its caller';
      this.cancel({ code: Status.CANCELLED, details, cause: signal.reason });
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.onEnd(() => signal.removeEventListener('abort', abort));
  }

  /** Calls `listener` at response headers, which a stream may bring before its first message. */
  onResponseHeader(listener: HeaderListener): void {
    this.headerListeners ??= [];
    this.headerListeners.push(listener);
  }

  /** True where somebody waits to be shown response headers. */
  get showsResponseHeader(): boolean {
    return this.headerListeners !== undefined;
  }

  /** For transports: response headers are here. */
  tellResponseHeader(): void {
    if (this.headerListeners === undefined) return;
    for (const listener of this.headerListeners) {
      try {
        listener(this.responseHeader);
      } catch (error) {
        this.report(error);
      }
    }
  }
}
