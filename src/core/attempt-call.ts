import { Metadata } from 'nice-grpc-common';

import type { CallKey } from './call.ts';
import { ClientCall } from './client-call.ts';
import type { Payload } from './method.ts';
import type { CallStatus } from './status.ts';
import { Status } from './status.ts';

/**
 * One attempt of a call: what the layers below whoever tries again get. It sees what was left on
 * the call, keeps what is left on itself, and ends with the call at the latest.
 */
export class AttemptCall extends ClientCall {
  private readonly parent: ClientCall;

  /** `attempt`: how many were made before this one. */
  constructor(parent: ClientCall, request: Payload, attempt: number = 0) {
    super(parent.method, parent.runtime, request);
    this.parent = parent;
    this.attempt = attempt;
    this.deadline = parent.deadline;
    this.waitForReady = parent.waitForReady;
    this.timeoutMs = parent.timeoutMs;
    // The caller's messages are the same each time they are sent.
    if (parent.tapsRequest && attempt === 0) {
      this.onRequestMessage((message) => parent.tapRequest(message));
    }
    if (parent.tapsResponse) this.onResponseMessage((message) => parent.tapResponse(message));
    this.onEnd(parent.onCancel((status) => this.abandon(status)));
  }

  override get<T>(key: CallKey<T>): T {
    return this.has(key) ? super.get(key) : this.parent.get(key);
  }

  override get hasHeaders(): boolean {
    return super.hasHeaders || this.parent.hasHeaders;
  }

  protected override makeHeaders(): Metadata {
    return this.parent.hasHeaders ? Metadata(this.parent.headers) : Metadata();
  }

  private abandon(status: CallStatus): void {
    const details = 'The call is over';
    const reason = status.code === Status.OK ? { code: Status.CANCELLED, details } : status;
    this.cancel(reason);
    // After an end nobody is left to end this one.
    if (this.parent.ended !== undefined) this.end(reason);
  }
}
