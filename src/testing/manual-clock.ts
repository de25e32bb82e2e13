import type { Clock, Timer } from '../index.ts';

interface Pending {
  readonly atMs: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to move. Timers fire inside `advance`, in the order
 * of their times and, for one time, of their setting.
 */
export class ManualClock implements Clock {
  private nowMs: number;
  /** By time, then in order of setting. */
  private readonly timers: Pending[] = [];

  /** `startMs`: what the clock shows first, in ms. Default 0. */
  constructor(startMs: number = 0) {
    this.nowMs = startMs;
  }

  now(): number {
    return this.nowMs;
  }

  /** How many timers were set that have neither fired nor been cleared. */
  get pending(): number {
    return this.timers.length;
  }

  /** A time that has passed already fires with the next `advance`, `advance(0)` included. */
  setTimer(atMs: number, callback: () => void): Timer {
    const timer = { atMs, callback };
    const after = this.timers.findIndex((other) => other.atMs > atMs);
    this.timers.splice(after === -1 ? this.timers.length : after, 0, timer);
    return { clear: () => this.remove(timer) };
  }

  /**
   * Moves on by `ms`, and fires what falls due, each timer at its own time: also timers that are
   * set while others fire. Promises that timers settle go on after the caller's next `await`.
   * Throws what a timer throws; the clock stands at that timer's time then.
   */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`A clock moves on by 0 ms or more, not by ${ms}`);
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.timers;
      if (next === undefined || next.atMs > untilMs) break;
      this.timers.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
    }
    this.nowMs = untilMs;
  }

  private remove(timer: Pending): void {
    const at = this.timers.indexOf(timer);
    if (at !== -1) this.timers.splice(at, 1);
  }
}
