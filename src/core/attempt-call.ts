import { Metadata } from 'nice-grpc-common';

import type { CallKey } from './call-key.ts';
import { ClientCall } from './client-call.ts';
import type { Payload } from './method.ts';
import type { CallStatus } from './status.ts';
import { Status } from './status.ts';

/** Who makes the attempts of a call. */
export interface AttemptOwner {
  /** Response headers came: where an attempt is committed to (A6). */
  headersCame(attempt: AttemptCall): void;
}

/**
 * One attempt of a call: what the layers below whoever tries again get. It sees what was left on
 * the call, keeps what is left on itself, and ends with the call at the latest.
 */
export class AttemptCall extends ClientCall {
  /** Told of response headers before those who listen for them. */
  owner: AttemptOwner | undefined = undefined;
  private readonly parent: ClientCall;
  private taps = 0;

  /** `attempt`: how many were made before this one. */
  constructor(parent: ClientCall, request: Payload, attempt: number = 0) {
    super(parent.method, parent.runtime, request);
    this.parent = parent;
    this.attempt = attempt;
    this.deadline = parent.deadline;
    this.waitForReady = parent.waitForReady;
    this.timeoutMs = parent.timeoutMs;
    this.target = parent.target;
    if (parent.tapsRequest) this.onRequestMessage((message) => this.tapOnce(message));
    if (parent.tapsResponse) this.onResponseMessage((message) => parent.tapResponse(message));
    this.onEnd(parent.onCancel((status) => this.abandon(status)));
  }

  override tellResponseHeader(): void {
    this.owner?.headersCame(this);
    super.tellResponseHeader();
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

  /** The caller's messages are the same each time they are sent: those above see each once. */
  private tapOnce(message: unknown): void {
    this.taps++;
    if (this.taps <= this.parent.tappedRequests) return;
    this.parent.tappedRequests = this.taps;
    this.parent.tapRequest(message);
  }

  private abandon(status: CallStatus): void {
    const details = 'The call is over';
    const reason = status.code === Status.OK ? { code: Status.CANCELLED, details } : status;
    this.parent.endpoint ??= this.endpoint;
    this.cancel(reason);
    // Whoever made this one may wait for what is below it; once the call is over nobody does.
    this.parent.onEnd(() => this.end(reason));
  }
}
