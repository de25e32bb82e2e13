import type { AttemptCall } from '../core/attempt-call.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import { backoffMs } from './backoff.ts';
import type { LatencyWindow } from './latency-window.ts';
import type { HedgePolicy, RetryPolicy, StatusName } from './policy.ts';
import { DEFAULT_RETRY } from './policy.ts';
import { pushbackOf } from './pushback.ts';

/** How late a timer may be, in ms: a server's own end of an attempt may come before ours. */
const TIMER_MS = 10;

/** What was done for the calls of a method, since its client was made. */
export interface AttemptCounters {
  /** Logical calls. */
  calls: number;
  /** Attempts, the first of each call included. */
  attempts: number;
  /** Attempts that replaced one that no server had processed: they are part of no budget. */
  transparent: number;
  /** Attempts made while another was open. */
  hedges: number;
  /** Attempts not made because the channel's budget was spent. */
  overBudget: number;
}

/** What a method's retries are decided by. */
export interface RetryRulesOptions {
  readonly retry: RetryPolicy | undefined;
  readonly hedge: HedgePolicy | undefined;
  /** The method may run twice. */
  readonly idempotent: boolean;
  /** Times of successful attempts. */
  readonly latency: LatencyWindow;
  readonly counters: AttemptCounters;
}

/** Decides which failures are tried again, and when. Knows nothing of what is under way. */
export class RetryRules {
  readonly hedge: HedgePolicy | undefined;
  readonly latency: LatencyWindow;
  readonly counters: AttemptCounters;
  readonly maxAttempts: number;
  private readonly retry: RetryPolicy;
  private readonly idempotent: boolean;
  private readonly codes: ReadonlySet<Status>;

  constructor(options: RetryRulesOptions) {
    const { retry, hedge, idempotent } = options;
    this.retry = retry ?? DEFAULT_RETRY;
    this.hedge = idempotent ? hedge : undefined;
    this.idempotent = idempotent;
    this.latency = options.latency;
    this.counters = options.counters;
    this.maxAttempts = Math.max(retry?.attempts ?? 1, 1 + (this.hedge?.extra ?? 0));
    this.codes = new Set(this.retry.codes.map((name: StatusName) => Status[name]));
  }

  /**
   * True for an attempt that an endpoint was picked for and whose server has not processed it:
   * it is repeated at once, elsewhere, and is no attempt of the policy (A6, transparent retries).
   */
  isTransparent(attempt: AttemptCall, status: CallStatus): boolean {
    return notProcessed(status) && attempt.endpoint !== undefined;
  }

  /**
   * What follows a failed attempt: nothing (`undefined`: it is final), no further attempt because
   * the server says so (`'stop'`), one after exactly so many ms (pushback), or one after the
   * ordinary wait (`null`).
   */
  judge(
    call: ClientCall,
    attempt: AttemptCall,
    status: CallStatus,
  ): number | 'stop' | null | undefined {
    const pushback = pushbackOf(status.metadata);
    if (!this.isRetryable(call, attempt, status, pushback)) return undefined;
    return pushback ?? null;
  }

  /** Full jitter, or around the bound as A6 has it; the wait number `times`, from 1 on, in ms. */
  backoffMs(times: number, random: () => number): number {
    const { jitter, ...growth } = this.retry.backoff;
    if (jitter === 'full') return backoffMs({ ...growth, jitter: 0 }, times - 1, random) * random();
    return backoffMs({ ...growth, jitter }, times - 1, random);
  }

  /** When the next attempt may join the open ones, in ms; undefined while there is no telling. */
  hedgeDelayMs(): number | undefined {
    const delayMs = this.hedge?.delayMs;
    return delayMs === 'p95' ? this.latency.quantile(0.95) : delayMs;
  }

  private isRetryable(
    call: ClientCall,
    attempt: AttemptCall,
    status: CallStatus,
    pushback: number | 'stop' | undefined,
  ): boolean {
    if (notProcessed(status)) return true;
    if (!this.idempotent) return false;
    switch (status.code) {
      case Status.DEADLINE_EXCEEDED:
        return attemptTimedOut(call, attempt);
      // A server that goes away cancels what it still does. A cause is a failure on this side.
      case Status.CANCELLED:
        return attempt.cancelled === undefined && status.cause === undefined;
      case Status.RESOURCE_EXHAUSTED:
        return (
          pushback !== undefined || (this.codes.has(status.code) && status.cause === undefined)
        );
      default:
        return this.codes.has(status.code);
    }
  }
}

function notProcessed({ code, processed }: CallStatus): boolean {
  return code === Status.UNAVAILABLE && processed === 'no';
}

/** The attempt ran out of its own time, and the call did not. */
function attemptTimedOut(call: ClientCall, { cancelled, deadline }: AttemptCall): boolean {
  if (cancelled !== undefined) return true;
  return deadline < call.deadline && call.runtime.clock.now() >= deadline - TIMER_MS;
}
