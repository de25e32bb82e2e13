import type { Metadata } from 'nice-grpc-common';

import { Call } from './call.ts';
import type { Method, Payload } from './method.ts';
import type { Runtime } from './runtime.ts';

/** A call on its way out. */
export class ClientCall extends Call {
  request: Payload;
  /** Wait for an endpoint instead of failing at once when none is up. Default false. */
  waitForReady: boolean = false;
  /** What the call options say of the deadline, in ms; undefined leaves it to weaker sources. */
  timeoutMs: number | undefined = undefined;
  /** Called at response headers, which a streamed response may bring before its first message. */
  onResponseHeader: ((metadata: Metadata) => void) | undefined = undefined;

  constructor(method: Method, runtime: Runtime, request: Payload) {
    super(method, runtime);
    this.request = request;
  }

  /** For transports: response headers are here. */
  tellResponseHeader(): void {
    try {
      this.onResponseHeader?.(this.responseHeader);
    } catch (error) {
      this.report(error);
    }
  }
}
