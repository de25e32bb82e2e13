/** How many values fell into each of some buckets. Values are in ms, as everywhere inside. */
export class Histogram {
  /** Upper bounds, inclusive, in ms; shared with others. */
  readonly boundsMs: readonly number[];
  /** By bucket, not cumulative; the last is above all bounds. */
  readonly counts: Float64Array;
  sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.counts = new Float64Array(boundsMs.length + 1);
  }

  observe(ms: number): void {
    const { boundsMs, counts } = this;
    let bucket = 0;
    // Most calls are short, so that most searches end at the first bounds.
    while (bucket < boundsMs.length && ms > (boundsMs[bucket] as number)) bucket++;
    counts[bucket] = (counts[bucket] as number) + 1;
    this.sumMs += ms;
  }
}
