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
  /** What of this process refused it, which it does with all others like it. */
  readonly refusedBy: string | undefined;
}

/**
 * The last 50 calls that were slow, and the last 50 that failed. Of those of one method that were
 * refused for one reason, only the last: a circuit that is open would soon leave nothing else.
 */
export class RecentCalls {
  private readonly slowCalls = new Latest();
  private readonly failedCalls = new Latest();

  addSlow(call: RecordedCall): void {
    this.slowCalls.add(call);
  }

  addFailed(call: RecordedCall): void {
    if (call.refusedBy !== undefined) this.failedCalls.drop((other) => isAlike(call, other));
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

class Latest {
  private readonly calls: RecordedCall[] = [];

  add(call: RecordedCall): void {
    this.calls.push(call);
    if (this.calls.length > KEPT) this.calls.shift();
  }

  /** Takes out the newest one that fits. */
  drop(fits: (call: RecordedCall) => boolean): void {
    const at = this.calls.findLastIndex(fits);
    if (at !== -1) this.calls.splice(at, 1);
  }

  newestFirst(): readonly RecordedCall[] {
    return this.calls.toReversed();
  }
}

function isAlike(one: RecordedCall, other: RecordedCall): boolean {
  const { side, method, refusedBy } = one;
  return other.refusedBy === refusedBy && other.side === side && other.method.path === method.path;
}
