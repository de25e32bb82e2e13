import type { Effective, ResolvedMethodPolicy } from '../config/effective-policy.ts';
import type { Method } from '../core/method.ts';
import type { Runtime } from '../core/runtime.ts';
import type { BreakerState } from '../policies/breaker.ts';
import { Breaker } from '../policies/breaker.ts';
import { Bulkhead } from '../policies/bulkhead.ts';
import { LatencyWindow } from '../policies/latency-window.ts';
import type { BreakerPolicy } from '../policies/policy.ts';
import type { AttemptCounters } from '../policies/retry-rules.ts';
import { RetryRules } from '../policies/retry-rules.ts';
import { AdaptiveThrottle } from '../policies/throttle.ts';
import { TokenBucket } from '../policies/token-bucket.ts';
import { CircuitHistory } from './circuit-history.ts';

/**
 * What a client knows and counts of one of its methods. It lives outside of the stack: a policy
 * that changes binds the layers anew, and what they have learnt so far stays.
 */
export class MethodState {
  readonly method: Method;
  /** Times of successful attempts, in ms. */
  readonly latency: LatencyWindow;
  readonly counters: AttemptCounters = {
    calls: 0,
    attempts: 0,
    transparent: 0,
    hedges: 0,
    overBudget: 0,
  };
  breaker: Breaker | undefined = undefined;
  bulkhead: Bulkhead | undefined = undefined;
  rateLimit: TokenBucket | undefined = undefined;
  throttle: AdaptiveThrottle | undefined = undefined;
  rules: RetryRules;
  /** What the circuit went through lately, oldest first. */
  readonly circuit: CircuitHistory = new CircuitHistory();
  /** How often circuits of this method went from closed to open, also those that are off by now. */
  circuitsOpened = 0;
  private effective_: Effective<ResolvedMethodPolicy>;
  private readonly runtime: Runtime;

  constructor(method: Method, runtime: Runtime, effective: Effective<ResolvedMethodPolicy>) {
    this.method = method;
    this.runtime = runtime;
    this.latency = new LatencyWindow(runtime.clock);
    this.effective_ = effective;
    this.rules = this.makeRules(effective.policy);
    this.apply(effective);
  }

  get effective(): Effective<ResolvedMethodPolicy> {
    return this.effective_;
  }

  get policy(): ResolvedMethodPolicy {
    return this.effective_.policy;
  }

  /**
   * Takes a policy over; a mechanism that was on and stays on keeps its state. Returns what takes
   * that back.
   */
  apply(effective: Effective<ResolvedMethodPolicy>): () => void {
    const { clock, random } = this.runtime;
    const { breaker, bulkhead, rateLimit, throttle, effective_: before } = this;
    const { policy } = effective;
    this.effective_ = effective;
    this.rules = this.makeRules(policy);
    this.breaker = kept(this.breaker, policy.breaker, (p) => this.makeBreaker(p));
    this.bulkhead = kept(this.bulkhead, policy.bulkhead, (p) => new Bulkhead(p));
    this.rateLimit = kept(this.rateLimit, policy.rateLimit, (p) => new TokenBucket(p, clock));
    const makeThrottle = (p: NonNullable<typeof policy.throttle>): AdaptiveThrottle =>
      new AdaptiveThrottle(p, clock, random);
    this.throttle = kept(this.throttle, policy.throttle, makeThrottle);
    return () => {
      Object.assign(this, { breaker, bulkhead, rateLimit, throttle });
      this.apply(before);
    };
  }

  private makeBreaker(policy: BreakerPolicy): Breaker {
    const { clock, random, logger } = this.runtime;
    const breaker = new Breaker(policy, clock, random);
    const { path } = this.method;
    let before: BreakerState = 'closed';
    breaker.onChange = (state) => {
      if (before === 'closed') this.circuitsOpened++;
      before = state;
      this.circuit.add(state, clock.now());
      if (state === 'open') {
        const nextProbeInMs = Math.round(breaker.nextProbeAtMs - clock.now());
        logger.warn({ method: path, nextProbeInMs }, 'a circuit has opened');
      } else if (state === 'closed') {
        const openForMs = Math.round(clock.now() - breaker.openedAtMs);
        logger.info({ method: path, openForMs }, 'a circuit has closed again');
      }
    };
    return breaker;
  }

  private makeRules({ retry, hedge, idempotent }: ResolvedMethodPolicy): RetryRules {
    const { latency, counters } = this;
    return new RetryRules({ retry, hedge, idempotent, latency, counters });
  }
}

function kept<P, M extends { configure(policy: P): void }>(
  mechanism: M | undefined,
  policy: P | undefined,
  make: (policy: P) => M,
): M | undefined {
  if (policy === undefined) return undefined;
  if (mechanism === undefined) return make(policy);
  mechanism.configure(policy);
  return mechanism;
}
