import type { Clock } from '../../core/clock.ts';
import { TokenBucket } from '../../policies/token-bucket.ts';

/** How long what is left out is counted before it is told, in ms. */
const COUNT_MS = 1_000;

/** Bounds the lines that are not sampled, and counts those that it leaves out. */
export class LineQuota {
  private readonly bucket: TokenBucket;
  private suppressed = 0;
  private sinceMs = 0;

  constructor(perSecond: number, clock: Clock) {
    this.bucket = new TokenBucket({ perSecond, burst: Math.max(1, perSecond) }, clock);
  }

  /** True for a line that may be written; the others are counted. */
  tryTake(nowMs: number): boolean {
    if (this.bucket.tryTake(nowMs)) return true;
    if (this.suppressed === 0) this.sinceMs = nowMs;
    this.suppressed++;
    return false;
  }

  /** How many lines were left out, once in a while and once each; 0 where there is nothing to tell. */
  takeSuppressed(nowMs: number): number {
    const { suppressed } = this;
    if (suppressed === 0 || nowMs - this.sinceMs < COUNT_MS) return 0;
    this.suppressed = 0;
    return suppressed;
  }
}
