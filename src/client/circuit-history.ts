import type { BreakerState } from '../policies/breaker.ts';

/** Changes that are kept: some minutes of a circuit that does not come to rest. */
const KEPT = 64;

/** That a circuit opened, let probes through, or closed. */
export interface CircuitChange {
  readonly state: BreakerState;
  /** On the runtime's clock, in ms. */
  readonly atMs: number;
}

/** What a circuit went through lately. */
export class CircuitHistory {
  /** Oldest first. */
  readonly changes: CircuitChange[] = [];

  add(state: BreakerState, atMs: number): void {
    if (this.changes.length === KEPT) this.changes.shift();
    this.changes.push({ state, atMs });
  }
}
