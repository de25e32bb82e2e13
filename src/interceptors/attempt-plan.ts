import type { AttemptCall } from '../core/attempt-call.ts';
import type { ClientCall } from '../core/client-call.ts';
import { RejectedError } from '../core/errors.ts';
import type { CallStatus } from '../core/status.ts';
import type { RetryBudget } from '../policies/retry-budget.ts';
import type { RetryRules } from '../policies/retry-rules.ts';

/**
 * What follows a failure: another attempt after so many ms, what is under way or already due
 * (`'others'`), or nothing, which makes the failure the call's own.
 */
export type Next = number | 'others' | 'nothing';

/** How many attempts a call has made, and whether it may make another. */
export class AttemptPlan {
  /** Attempts that count; transparent ones do not. */
  made = 0;
  /** Another attempt is due when its wait is over. */
  due = false;
  private readonly call: ClientCall;
  private readonly rules: RetryRules;
  private readonly budget: RetryBudget | undefined;
  private transparent = 0;
  /** Attempts made while another was open. */
  private hedges = 0;
  /** The server has asked for no further attempt. */
  private stopped = false;
  /** Ordinary waits since the server last said how long to wait (A6 begins anew then). */
  private backoffs = 0;

  constructor(call: ClientCall, rules: RetryRules, budget: RetryBudget | undefined) {
    this.call = call;
    this.rules = rules;
    this.budget = budget;
  }

  /** Counts an attempt that is made now; returns how many there were before it. */
  begin(): number {
    this.rules.counters.attempts++;
    return this.made++ + this.transparent;
  }

  /** `others`: further attempts are open. They may do better, and the last of them decides. */
  after(attempt: AttemptCall, error: unknown, status: CallStatus, others: boolean): Next {
    const { call, rules } = this;
    if (rules.isTransparent(attempt, status) && this.transparent === 0) {
      this.transparent++;
      this.made--;
      rules.counters.transparent++;
      return 0;
    }
    const none = others || this.due ? 'others' : 'nothing';
    if (error instanceof RejectedError) return none;
    const verdict = rules.judge(call, attempt, status);
    if (verdict === undefined) return 'nothing';
    if (verdict === 'stop') this.stopped = true;
    if (verdict === 'stop' || this.stopped || this.due) return none;
    if (this.made >= rules.maxAttempts) return none;
    if (verdict !== null) this.backoffs = 0;
    const waitMs = verdict ?? this.ordinaryWaitMs();
    return this.isInTime(waitMs) && this.mayAfford() ? waitMs : none;
  }

  /** In how many ms an attempt may join the open ones; undefined where none may. */
  hedgeDelayMs(): number | undefined {
    const { hedge } = this.rules;
    if (hedge === undefined || this.hedges >= hedge.extra) return undefined;
    return this.rules.hedgeDelayMs();
  }

  /** True where one joins them now; it is counted then, and paid for. */
  hedge(): boolean {
    if (this.stopped || this.call.cancelled !== undefined || !this.mayAfford()) return false;
    this.hedges++;
    this.rules.counters.hedges++;
    return true;
  }

  private ordinaryWaitMs(): number {
    if (this.rules.hedge !== undefined) return 0;
    this.backoffs++;
    return this.rules.backoffMs(this.backoffs, this.call.runtime.random);
  }

  /** Half of the recent attempts took longer than what would be left: not worth it. */
  private isInTime(waitMs: number): boolean {
    const leftMs = this.call.deadline - this.call.runtime.clock.now();
    return leftMs >= waitMs + (this.rules.latency.quantile(0.5) ?? 0);
  }

  private mayAfford(): boolean {
    if (this.budget === undefined || this.budget.tryWithdraw()) return true;
    this.rules.counters.overBudget++;
    return false;
  }
}
