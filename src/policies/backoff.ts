/** How long to wait between tries. */
export interface BackoffOptions {
  /** First delay, in ms. */
  readonly initialMs: number;
  /** By what each next delay grows. */
  readonly multiplier: number;
  /** Upper bound before jitter, in ms. */
  readonly maxMs: number;
  /** Share of the delay that is random, both ways: 0.2 is ±20 %. */
  readonly jitter: number;
}

/** Dialling a server: 1 s × 1.6 ± 20 %, up to 120 s (gRPC's connection-backoff.md). */
export const DIAL_BACKOFF: BackoffOptions = Object.freeze({
  initialMs: 1_000,
  multiplier: 1.6,
  maxMs: 120_000,
  jitter: 0.2,
});

/** The delay before try number `tries` + 1, in ms; `random` is uniform in [0, 1). */
export function backoffMs(options: BackoffOptions, tries: number, random: () => number): number {
  const { initialMs, multiplier, maxMs, jitter } = options;
  const delay = Math.min(maxMs, initialMs * multiplier ** tries);
  return delay * (1 + jitter * (2 * random() - 1));
}
