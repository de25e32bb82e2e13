/** Counts of durations in buckets, each 7 % wider than the one before. */
export type Histogram = number[];

const LOWEST_MS = 0.05;
const GROWTH = 1.07;
/** The last one holds everything from 30 s on. */
const BUCKETS = 200;

export function emptyHistogram(): Histogram {
  return Array.from({ length: BUCKETS }, () => 0);
}

export function record(histogram: Histogram, durationMs: number): void {
  const steps = Math.floor(Math.log(durationMs / LOWEST_MS) / Math.log(GROWTH));
  const bucket = Math.min(Math.max(steps, 0), BUCKETS - 1);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

export function addHistogram(into: Histogram, from: Histogram): void {
  for (const [bucket, count] of from.entries()) into[bucket] = (into[bucket] ?? 0) + count;
}

/** The upper end of the bucket that holds the quantile, in ms; undefined when nothing was recorded. */
export function quantile(histogram: Histogram, fraction: number): number | undefined {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.ceil(total * fraction);
  const bucket = histogram.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return LOWEST_MS * GROWTH ** (bucket + 1);
}
