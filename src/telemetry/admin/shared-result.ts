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

/** How old a result may be whatever it took to make and whatever is spent, in ms. */
const MOST_MS = 1_000;

/**
 * Time that a listener may compute for, shared by all that it computes. A scrape of a large process
 * holds its event loop for some ms: made for everyone who asks, it would hold up calls.
 *
 * What is charged is time on the clock, so a loop that is held up by others is paid for, too. What
 * is owed is no more than what may be saved up.
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
    this.leftMs = Math.max(-this.options.savedMs, this.leftMs - ms);
  }
}

/**
 * One result for everyone who asks: made once at a time, and not again while it is young or the
 * budget is spent; but never older than a second. Asked seldom, as by a Prometheus each few seconds,
 * it is always fresh.
 */
export class SharedResult<T> {
  private readonly clock: Clock;
  private readonly budget: ComputeBudget;
  private readonly make: () => T | Promise<T>;
  private last:
    | { readonly value: T; readonly madeAtMs: number; readonly costMs: number }
    | undefined = undefined;
  private making: Promise<T> | undefined = undefined;

  constructor(clock: Clock, budget: ComputeBudget, make: () => T | Promise<T>) {
    this.clock = clock;
    this.budget = budget;
    this.make = make;
  }

  /** Rejects with what making it throws; the next one tries again. */
  get(): Promise<T> {
    if (this.making !== undefined) return this.making;
    const { last } = this;
    if (last !== undefined && this.stands(last)) return Promise.resolve(last.value);
    this.making = this.makeAndKeep().finally(() => {
      this.making = undefined;
    });
    return this.making;
  }

  private stands({ madeAtMs, costMs }: { madeAtMs: number; costMs: number }): boolean {
    const ageMs = this.clock.now() - madeAtMs;
    return ageMs < MOST_MS && (ageMs < costMs * STANDS_FOR || this.budget.spent);
  }

  private async makeAndKeep(): Promise<T> {
    const { clock } = this;
    const beginMs = clock.now();
    try {
      const value = await this.make();
      const endMs = clock.now();
      this.last = { value, madeAtMs: endMs, costMs: endMs - beginMs };
      return value;
    } finally {
      this.budget.charge(clock.now() - beginMs);
    }
  }
}
