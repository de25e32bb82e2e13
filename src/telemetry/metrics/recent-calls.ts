import type { Method } from '../../core/method.ts';
import type { Status } from '../../core/status.ts';

/** How many calls of each kind are kept. */
const KEPT = 50;

/** A call that was slow or failed. */
export interface RecordedCall {
  readonly side: 'client' | 'server';
  readonly method: Method;
  /** When it ended, on the runtime's clock, in ms. */
  readonly atMs: number;
  readonly durationMs: number;
  readonly code: Status;
  /** The status text, cut to 200 characters. */
  readonly details: string;
  /** 1 where it was tried once, 0 where it was refused before; 1 on servers. */
  readonly attempts: number;
  /** The endpoint it went to last, or the peer it came from. */
  readonly peer: string | undefined;
  /** Where the call was traced and the trace is recorded. */
  readonly traceId: string | undefined;
}

/** The last 50 calls that were slow, and the last 50 that failed. */
export class RecentCalls {
  private readonly slowCalls = new Ring();
  private readonly failedCalls = new Ring();

  addSlow(call: RecordedCall): void {
    this.slowCalls.add(call);
  }

  addFailed(call: RecordedCall): void {
    this.failedCalls.add(call);
  }

  /**
   * Newest first. Slow is what took at least 10 ms and more than four times as long as half of the
   * method's recent calls; calls with a streamed response are never slow, for they last as they
   * please.
   */
  slow(): readonly RecordedCall[] {
    return this.slowCalls.newestFirst();
  }

  /** Newest first. What failed with a code that is the server's fault. */
  failed(): readonly RecordedCall[] {
    return this.failedCalls.newestFirst();
  }
}

class Ring {
  private readonly calls: RecordedCall[] = [];
  /** Where the next one goes. */
  private at = 0;

  add(call: RecordedCall): void {
    this.calls[this.at] = call;
    this.at = (this.at + 1) % KEPT;
  }

  newestFirst(): readonly RecordedCall[] {
    return [...this.calls.slice(this.at), ...this.calls.slice(0, this.at)].toReversed();
  }
}
