/** In how many steps a window forgets: it holds the last 90 to 100 % of its length. */
const BUCKETS = 10;

/** How much of something there was lately, counted in a ring of ten buckets (about 5 ns a call). */
export class SlidingWindow {
  private readonly counts = new Float64Array(BUCKETS);
  private bucketMs: number;
  private index = 0;
  /** When the bucket in use is full. */
  private endMs: number;
  private total = 0;

  constructor(windowMs: number, nowMs: number) {
    this.bucketMs = windowMs / BUCKETS;
    this.endMs = nowMs + this.bucketMs;
  }

  add(count: number, nowMs: number): void {
    if (nowMs >= this.endMs) this.advance(nowMs);
    this.counts[this.index] = (this.counts[this.index] ?? 0) + count;
    this.total += count;
  }

  /** What was added and is not yet forgotten. */
  sum(nowMs: number): number {
    if (nowMs >= this.endMs) this.advance(nowMs);
    return this.total;
  }

  clear(): void {
    this.counts.fill(0);
    this.total = 0;
  }

  /** Changes the length. What was counted stays, as if it were new. */
  resize(windowMs: number, nowMs: number): void {
    const bucketMs = windowMs / BUCKETS;
    if (bucketMs === this.bucketMs) return;
    const kept = this.sum(nowMs);
    this.clear();
    this.bucketMs = bucketMs;
    this.endMs = nowMs + bucketMs;
    this.add(kept, nowMs);
  }

  private advance(nowMs: number): void {
    const steps = Math.floor((nowMs - this.endMs) / this.bucketMs) + 1;
    this.endMs += steps * this.bucketMs;
    if (steps >= BUCKETS) {
      this.clear();
      return;
    }
    for (let step = 0; step < steps; step++) {
      this.index = (this.index + 1) % BUCKETS;
      this.total -= this.counts[this.index] ?? 0;
      this.counts[this.index] = 0;
    }
  }
}
