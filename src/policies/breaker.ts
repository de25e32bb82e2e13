import type { Clock } from '../core/clock.ts';
import { backoffMs } from './backoff.ts';
import { checkAboveZero, checkNumber, checkWhole } from '../core/checks.ts';
import type { BreakerPolicy } from './policy.ts';
import { SlidingWindow } from './sliding-window.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

/** What a breaker knows, for people to look at. Times are of the runtime's clock, in ms. */
export interface BreakerSnapshot {
  readonly state: BreakerState;
  /** Calls and failures in the window; both 0 unless it is closed. */
  readonly calls: number;
  readonly failures: number;
  /** Undefined while it is closed. */
  readonly openedAtMs: number | undefined;
  /** Undefined while it is closed. */
  readonly nextProbeAtMs: number | undefined;
  /** How often it went from closed to open. */
  readonly timesOpened: number;
}

/**
 * Stops calling what keeps failing. Closed, it counts; open, it refuses; half-open, it lets a few
 * calls through as probes (Nygard, "Release It!"; states as resilience4j has them).
 *
 * Each call that was let through holds a token and gives it back to exactly one of `onSuccess`,
 * `onFailure` and `onNeutral`. A token is of the state in which it was given: what a call of an
 * earlier state comes to says nothing of this one and is ignored.
 */
export class Breaker {
  /** Told after each change of state. */
  onChange: ((state: BreakerState) => void) | undefined = undefined;
  private policy: BreakerPolicy;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly calls: SlidingWindow;
  private readonly failures: SlidingWindow;
  private current: BreakerState = 'closed';
  /** Goes up with every change of state. */
  private epoch = 1;
  private probesOut = 0;
  private lastProbeAtMs = 0;
  private succeeded = 0;
  /** How often the probes failed since it opened. */
  private reopened = 0;
  private opened = 0;
  private openedAt = 0;
  private nextProbeAt = 0;

  constructor(policy: BreakerPolicy, clock: Clock, random: () => number) {
    checkBreaker('breaker', policy);
    this.policy = policy;
    this.clock = clock;
    this.random = random;
    this.calls = new SlidingWindow(policy.windowMs, clock.now());
    this.failures = new SlidingWindow(policy.windowMs, clock.now());
  }

  /** Takes another policy; state and counts stay. A time to stay open that began runs as it is. */
  configure(policy: BreakerPolicy): void {
    checkBreaker('breaker', policy);
    const nowMs = this.clock.now();
    this.policy = policy;
    this.calls.resize(policy.windowMs, nowMs);
    this.failures.resize(policy.windowMs, nowMs);
  }

  /** The token of a call that may go on; 0 refuses it. */
  tryAcquire(nowMs: number = this.clock.now()): number {
    if (this.current === 'closed') return this.epoch;
    if (this.current === 'open') {
      if (nowMs < this.nextProbeAt) return 0;
      this.halfOpen();
    }
    const { probes, maxOpenMs } = this.policy;
    if (this.probesOut >= probes) {
      // A probe may never answer, or be a stream of hours: after the longest time that a breaker
      // stays open, others are sent.
      if (nowMs < this.lastProbeAtMs + maxOpenMs) return 0;
      this.probesOut = 0;
    }
    this.probesOut++;
    this.lastProbeAtMs = nowMs;
    return this.epoch;
  }

  onSuccess(token: number, nowMs: number = this.clock.now()): void {
    if (token !== this.epoch) return;
    if (this.current === 'closed') {
      this.calls.add(1, nowMs);
      return;
    }
    this.freeProbe();
    this.succeeded++;
    if (this.succeeded >= this.policy.successes) this.close();
  }

  onFailure(token: number, nowMs: number = this.clock.now()): void {
    if (token !== this.epoch) return;
    if (this.current === 'half_open') {
      this.reopened++;
      this.open(nowMs);
      return;
    }
    this.calls.add(1, nowMs);
    this.failures.add(1, nowMs);
    const { failureRatio, minCalls } = this.policy;
    const calls = this.calls.sum(nowMs);
    if (calls < minCalls || this.failures.sum(nowMs) < failureRatio * calls) return;
    this.reopened = 0;
    this.openedAt = nowMs;
    this.opened++;
    this.open(nowMs);
  }

  /** A call that came to nothing that tells: it frees its probe and counts nowhere. */
  onNeutral(token: number): void {
    if (token === this.epoch && this.current === 'half_open') this.freeProbe();
  }

  /** An endpoint turned READY or SERVING: an open breaker probes at once. */
  endpointUp(): void {
    if (this.current !== 'open') return;
    this.nextProbeAt = this.clock.now();
    this.halfOpen();
  }

  get state(): BreakerState {
    return this.current;
  }

  /** When it last went from closed to open; 0 if it never did. */
  get openedAtMs(): number {
    return this.openedAt;
  }

  /** When it lets a probe through, or did, since it last opened; 0 if it never did. */
  get nextProbeAtMs(): number {
    return this.nextProbeAt;
  }

  snapshot(): BreakerSnapshot {
    const nowMs = this.clock.now();
    const closed = this.current === 'closed';
    return {
      state: this.current,
      calls: this.calls.sum(nowMs),
      failures: this.failures.sum(nowMs),
      openedAtMs: closed ? undefined : this.openedAt,
      nextProbeAtMs: closed ? undefined : this.nextProbeAt,
      timesOpened: this.opened,
    };
  }

  private open(nowMs: number): void {
    const { openMs, maxOpenMs, jitter } = this.policy;
    const growth = { initialMs: openMs, multiplier: 2, maxMs: maxOpenMs, jitter };
    this.nextProbeAt = nowMs + backoffMs(growth, this.reopened, this.random);
    this.enter('open');
    this.calls.clear();
    this.failures.clear();
  }

  private halfOpen(): void {
    this.enter('half_open');
    this.probesOut = 0;
    this.succeeded = 0;
  }

  private close(): void {
    this.enter('closed');
  }

  private enter(state: BreakerState): void {
    this.current = state;
    this.epoch++;
    this.onChange?.(state);
  }

  private freeProbe(): void {
    // A probe that was given up on may answer after all.
    this.probesOut = Math.max(0, this.probesOut - 1);
  }
}

/** Refuses numbers that make no breaker. */
export function checkBreaker(key: string, policy: BreakerPolicy): void {
  checkAboveZero(`${key}.failureRatio`, policy.failureRatio, 1);
  checkNumber(`${key}.windowMs`, policy.windowMs, 100);
  checkWhole(`${key}.minCalls`, policy.minCalls, 1);
  checkNumber(`${key}.openMs`, policy.openMs, 1);
  checkNumber(`${key}.maxOpenMs`, policy.maxOpenMs, policy.openMs);
  checkNumber(`${key}.jitter`, policy.jitter, 0, 1);
  checkWhole(`${key}.probes`, policy.probes, 1);
  checkWhole(`${key}.successes`, policy.successes, 1);
}
