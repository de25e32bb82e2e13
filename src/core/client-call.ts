import type { Metadata } from 'nice-grpc-common';

import { Call } from './call.ts';
import type { Method, Payload } from './method.ts';
import type { Runtime } from './runtime.ts';

export type HeaderListener = (header: Metadata) => void;

/** A call on its way out. */
export class ClientCall extends Call {
  request: Payload;
  /** Wait for an endpoint instead of failing at once when none is up. Default false. */
  waitForReady: boolean = false;
  /** What the call options say of the deadline, in ms; undefined leaves it to weaker sources. */
  timeoutMs: number | undefined = undefined;
  private headerListeners: HeaderListener[] | undefined = undefined;

  constructor(method: Method, runtime: Runtime, request: Payload) {
    super(method, runtime);
    this.request = request;
  }

  /** Calls `listener` at response headers, which a stream may bring before its first message. */
  onResponseHeader(listener: HeaderListener): void {
    this.headerListeners ??= [];
    this.headerListeners.push(listener);
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
