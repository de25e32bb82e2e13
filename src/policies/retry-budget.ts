import type { Clock } from '../core/clock.ts';
import { checkNumber } from '../core/checks.ts';
import type { RetryBudgetPolicy } from './policy.ts';
import { SlidingWindow } from './sliding-window.ts';

/** Whole tokens made of fractions: what is short of one by rounding alone is one. */
const ROUNDING = 1e-9;

/**
 * How many further attempts all calls of a channel may make together, so that an outage is not
 * answered with a multiple of the load: a share of the calls, and a reserve for when calls are rare.
 * Deposits and withdrawals are both forgotten after `ttlMs`. (Finagle's `RetryBudget`.)
 */
export class RetryBudget {
  private policy: RetryBudgetPolicy;
  private readonly clock: Clock;
  private readonly deposits: SlidingWindow;
  private readonly withdrawals: SlidingWindow;

  constructor(policy: RetryBudgetPolicy, clock: Clock) {
    checkRetryBudget('retryBudget', policy);
    this.policy = policy;
    this.clock = clock;
    this.deposits = new SlidingWindow(policy.ttlMs, clock.now());
    this.withdrawals = new SlidingWindow(policy.ttlMs, clock.now());
  }

  /** Takes another policy; what was deposited and withdrawn lately counts on. */
  configure(policy: RetryBudgetPolicy): void {
    checkRetryBudget('retryBudget', policy);
    const nowMs = this.clock.now();
    this.policy = policy;
    this.deposits.resize(policy.ttlMs, nowMs);
    this.withdrawals.resize(policy.ttlMs, nowMs);
  }

  /** One call began. About 5 ns where the caller knows the time. */
  deposit(nowMs: number = this.clock.now()): void {
    this.deposits.add(1, nowMs);
  }

  /** Takes one further attempt; false, and takes nothing, where none is left. */
  tryWithdraw(nowMs: number = this.clock.now()): boolean {
    if (this.balanceAt(nowMs) < 1 - ROUNDING) return false;
    this.withdrawals.add(1, nowMs);
    return true;
  }

  /** Further attempts that may be made now, with fractions; below 0 after what paid has expired. */
  get balance(): number {
    return this.balanceAt(this.clock.now());
  }

  private balanceAt(nowMs: number): number {
    const { ratio, perSecond, ttlMs } = this.policy;
    const reserve = (perSecond * ttlMs) / 1_000;
    return reserve + ratio * this.deposits.sum(nowMs) - this.withdrawals.sum(nowMs);
  }
}

/** Refuses numbers that make no budget. */
export function checkRetryBudget(key: string, policy: RetryBudgetPolicy): void {
  checkNumber(`${key}.ratio`, policy.ratio, 0, 10);
  checkNumber(`${key}.perSecond`, policy.perSecond, 0);
  checkNumber(`${key}.ttlMs`, policy.ttlMs, 100);
}
