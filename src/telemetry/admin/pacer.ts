import type { Clock, Timer } from '../../core/clock.ts';

/** How much of a process its admin listener may take, whoever asks for how much. */
export interface PaceOptions {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once after a pause. */
  readonly burst: number;
}

/** 50 small answers a second take about 0.5 % of a CPU; a page and what it loads are a handful. */
export const DEFAULT_PACE: PaceOptions = Object.freeze({ perSecond: 50, burst: 25 });

/**
 * Turns for requests: each waits for its own. Nobody is refused, for a connection has one request at
 * a time and connections are bounded; who asks faster than it is answered waits longer.
 *
 * An answer may cost more than the turn it took. What it owes, those who come after wait for: up to
 * as many turns as a burst has.
 */
export class Pacer {
  private readonly clock: Clock;
  private readonly options: PaceOptions;
  private readonly waiting: (() => void)[] = [];
  private tokens: number;
  private filledAtMs: number;
  private timer: Timer | undefined = undefined;

  constructor(clock: Clock, options: PaceOptions) {
    this.clock = clock;
    this.options = options;
    this.tokens = options.burst;
    this.filledAtMs = clock.now();
  }

  /** Resolves when it is the turn of the one who asks. */
  turn(): Promise<void> | undefined {
    this.fill();
    if (this.waiting.length === 0 && this.tokens >= 1) {
      this.tokens--;
      return undefined;
    }
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.arm();
    });
  }

  /** Takes so many further turns away, from those who come next. */
  charge(turns: number): void {
    this.tokens = Math.max(-this.options.burst, this.tokens - turns);
  }

  /** Lets everyone who waits go: the listener closes. */
  close(): void {
    this.timer?.clear();
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private fill(): void {
    const { perSecond, burst } = this.options;
    const now = this.clock.now();
    this.tokens = Math.min(burst, this.tokens + ((now - this.filledAtMs) * perSecond) / 1_000);
    this.filledAtMs = now;
  }

  private arm(): void {
    if (this.timer !== undefined) return;
    const waitMs = ((1 - this.tokens) * 1_000) / this.options.perSecond;
    this.timer = this.clock.setTimer(this.filledAtMs + waitMs, () => {
      this.timer = undefined;
      this.release();
    });
  }

  private release(): void {
    this.fill();
    while (this.tokens >= 1 && this.waiting.length > 0) {
      this.tokens--;
      this.waiting.shift()?.();
    }
    if (this.waiting.length > 0) this.arm();
  }
}
