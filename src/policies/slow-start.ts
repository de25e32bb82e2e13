import { checkAboveZero } from '../core/checks.ts';
import type { SlowStartPolicy } from './policy.ts';

/** The least share a new endpoint gets: without calls it would not warm up (Envoy's 10 %). */
const LEAST_SHARE = 0.1;

/**
 * How much of its fair share one endpoint gets: it grows evenly from a tenth to the whole over a
 * window, as Envoy's slow start does with aggression 1.
 */
export class SlowStart {
  private fromMs = Number.NEGATIVE_INFINITY;
  private windowMs = 0;

  /** Starts slowly from now on; a window of 0 ms is no slow start. */
  begin(nowMs: number, windowMs: number): void {
    this.fromMs = nowMs;
    this.windowMs = windowMs;
  }

  /** When it gets its whole share. */
  get endMs(): number {
    return this.fromMs + this.windowMs;
  }

  /** From 0.1 to 1. */
  share(nowMs: number): number {
    const elapsedMs = nowMs - this.fromMs;
    if (elapsedMs >= this.windowMs) return 1;
    return Math.max(LEAST_SHARE, elapsedMs / this.windowMs);
  }
}

/** Refuses numbers that make no slow start. */
export function checkSlowStart(key: string, policy: SlowStartPolicy): void {
  checkAboveZero(`${key}.windowMs`, policy.windowMs);
}
