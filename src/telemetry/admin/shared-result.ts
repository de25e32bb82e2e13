import type { Clock } from '../../core/clock.ts';

/** What may be spent on making results afresh. */
export interface ComputeOptions {
  /** Of the time that passes. */
  readonly share: number;
  /** What may be saved up for a burst, in ms. */
  readonly savedMs: number;
}

/**
 * Less than what a 99th percentile sees; and enough for a scrape of 20 ms each 5 s, which is a large
 * process that is looked at often.
 */
export const DEFAULT_COMPUTE: ComputeOptions = Object.freeze({ share: 0.004, savedMs: 50 });

/** A result stands for this many times as long as it took to make. */
const STANDS_FOR = 10;

/**
 * Time that a listener may compute for, shared by all that it computes. A scrape of a large process
 * holds its event loop for some ms: made for everyone who asks, it would hold up calls.
 */
export class ComputeBudget {
  private readonly clock: Clock;
  private readonly options: ComputeOptions;
  private leftMs: number;
  private filledAtMs: number;

  constructor(clock: Clock, options: ComputeOptions = DEFAULT_COMPUTE) {
    this.clock = clock;
    this.options = options;
    this.leftMs = options.savedMs;
    this.filledAtMs = clock.now();
  }

  get spent(): boolean {
    const { share, savedMs } = this.options;
    const now = this.clock.now();
    this.leftMs = Math.min(savedMs, this.leftMs + (now - this.filledAtMs) * share);
    this.filledAtMs = now;
    return this.leftMs <= 0;
  }

  charge(ms: number): void {
    this.leftMs -= ms;
  }
}

/**
 * One result for everyone who asks: made once at a time, and not again while it is young or the
 * budget is spent. Asked seldom, as by a Prometheus each few seconds, it is always fresh.
 */
export class SharedResult<T> {
  private readonly clock: Clock;
  private readonly budget: ComputeBudget;
  private readonly make: () => T | Promise<T>;
  private last: { readonly value: T; readonly staleAtMs: number } | undefined = undefined;
  private making: Promise<T> | undefined = undefined;

  constructor(clock: Clock, budget: ComputeBudget, make: () => T | Promise<T>) {
    this.clock = clock;
    this.budget = budget;
    this.make = make;
  }

  /** Rejects with what making it throws; the next one tries again. */
  get(): Promise<T> {
    if (this.making !== undefined) return this.making;
    const { last, clock } = this;
    if (last !== undefined && (clock.now() < last.staleAtMs || this.budget.spent)) {
      return Promise.resolve(last.value);
    }
    this.making = this.makeAndKeep().finally(() => {
      this.making = undefined;
    });
    return this.making;
  }

  private async makeAndKeep(): Promise<T> {
    const { clock } = this;
    const beginMs = clock.now();
    try {
      const value = await this.make();
      const endMs = clock.now();
      this.last = { value, staleAtMs: endMs + (endMs - beginMs) * STANDS_FOR };
      return value;
    } finally {
      this.budget.charge(clock.now() - beginMs);
    }
  }
}
