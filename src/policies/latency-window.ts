import type { Clock } from '../core/clock.ts';

/** How long each of the two halves is filled, in ms: quantiles are of the last 10 to 20 s. */
const HALF_MS = 10_000;

/** With fewer samples than this a high quantile would be one call's luck. */
const MIN_SAMPLES = 20;

/** Buckets to each doubling: the middle of one is at most 1/32 (3.1 %) off. */
const PER_OCTAVE = 16;

/** Bits of a float32 right of its exponent and of the four mantissa bits that tell 16 buckets. */
const DROPPED_BITS = 19;

/** Shortest time told apart: 2^-7 ms, about 8 µs. */
const MIN_EXPONENT = -7;
const MIN_MS = 2 ** MIN_EXPONENT;

/** Up to 2^21 ms, about 35 minutes. */
const OCTAVES = 28;
const BUCKETS = OCTAVES * PER_OCTAVE;

/** The number that a float32 of `MIN_MS` has once its lower bits are dropped. */
const FIRST = (127 + MIN_EXPONENT) * PER_OCTAVE;

interface Cached {
  valueMs: number;
  /** Holds up to so many samples. */
  untilCount: number;
}

/**
 * How long a method's calls took lately, in buckets of equal ratio. The bucket of a time is read off
 * the bits of its float32, so that recording takes about 5 ns.
 */
export class LatencyWindow {
  private readonly clock: Clock;
  private current = new Uint32Array(BUCKETS);
  private previous = new Uint32Array(BUCKETS);
  private currentCount = 0;
  private previousCount = 0;
  private halfEndMs: number;
  private readonly float = new Float32Array(1);
  private readonly bits = new Uint32Array(this.float.buffer);
  private readonly cache = new Map<number, Cached>();

  constructor(clock: Clock) {
    this.clock = clock;
    this.halfEndMs = clock.now() + HALF_MS;
  }

  /** `ms`: how long one call took that succeeded. */
  record(ms: number, nowMs: number = this.clock.now()): void {
    if (nowMs >= this.halfEndMs) this.rotate(nowMs);
    const bucket = this.bucketOf(ms);
    this.current[bucket] = (this.current[bucket] ?? 0) + 1;
    this.currentCount++;
  }

  /**
   * The time, in ms, within which the share `q` of the recent calls was over; undefined below 20
   * samples. Counted anew once there are 5 % more samples: about 10 ns else.
   */
  quantile(q: number, nowMs: number = this.clock.now()): number | undefined {
    if (nowMs >= this.halfEndMs) this.rotate(nowMs);
    const count = this.currentCount + this.previousCount;
    if (count < MIN_SAMPLES) return undefined;
    let cached = this.cache.get(q);
    if (cached !== undefined && count < cached.untilCount) return cached.valueMs;
    if (cached === undefined) {
      cached = { valueMs: 0, untilCount: 0 };
      this.cache.set(q, cached);
    }
    cached.valueMs = this.search(Math.max(1, Math.ceil(q * count)));
    cached.untilCount = count * 1.05;
    return cached.valueMs;
  }

  private bucketOf(ms: number): number {
    if (!(ms > MIN_MS)) return 0;
    this.float[0] = ms;
    return Math.min(BUCKETS - 1, ((this.bits[0] ?? 0) >>> DROPPED_BITS) - FIRST);
  }

  /** The time of the sample with this rank, the shortest being the first. */
  private search(rank: number): number {
    let seen = 0;
    let bucket = -1;
    while (seen < rank && bucket < BUCKETS - 1) {
      bucket++;
      seen += (this.current[bucket] ?? 0) + (this.previous[bucket] ?? 0);
    }
    const octaveMs = 2 ** (MIN_EXPONENT + Math.floor(bucket / PER_OCTAVE));
    return octaveMs * (1 + ((bucket % PER_OCTAVE) + 0.5) / PER_OCTAVE);
  }

  private rotate(nowMs: number): void {
    // After a pause of more than one half all of it is too old.
    const stale = nowMs >= this.halfEndMs + HALF_MS;
    const { current, previous } = this;
    this.previous = current;
    this.previousCount = stale ? 0 : this.currentCount;
    if (stale) current.fill(0);
    previous.fill(0);
    this.current = previous;
    this.currentCount = 0;
    this.halfEndMs = nowMs + HALF_MS;
    this.cache.clear();
  }
}
