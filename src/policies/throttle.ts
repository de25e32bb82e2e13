import type { Clock } from '../core/clock.ts';
import { checkNumber } from '../core/checks.ts';
import type { ThrottlePolicy } from './policy.ts';
import { SlidingWindow } from './sliding-window.ts';

/**
 * Calls that are taken for accepted before any was: few refusals of a server that is rarely called
 * must not stop a client. (The figure of gRPC's own adaptive throttler, in its RLS balancer.)
 */
const PADDING = 8;

/**
 * The rest goes through whatever was refused, or a busy client would take ten minutes to notice that
 * its server is back. (Envoy's admission control has such a bound, too: 80 %.)
 */
const MAX_PROBABILITY = 0.9;

/**
 * Refuses on the client a growing share of the calls that an overloaded server would refuse:
 * (requests − k × accepts) / (requests + 8), from 0 to 0.9, requests being those that were answered
 * and those refused here (SRE book, ch. 21, "Client-Side Throttling"). After an outage longer than
 * the window it takes about two windows until nothing is refused.
 */
export class AdaptiveThrottle {
  private policy: ThrottlePolicy;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly requests: SlidingWindow;
  private readonly accepts: SlidingWindow;

  constructor(policy: ThrottlePolicy, clock: Clock, random: () => number) {
    checkThrottle('throttle', policy);
    this.policy = policy;
    this.clock = clock;
    this.random = random;
    this.requests = new SlidingWindow(policy.windowMs, clock.now());
    this.accepts = new SlidingWindow(policy.windowMs, clock.now());
  }

  /** Takes another policy; what was counted lately stays. */
  configure(policy: ThrottlePolicy): void {
    checkThrottle('throttle', policy);
    const nowMs = this.clock.now();
    this.policy = policy;
    this.requests.resize(policy.windowMs, nowMs);
    this.accepts.resize(policy.windowMs, nowMs);
  }

  /** Whether a call may be made. A refusal counts; a call counts by its answer. */
  allow(): boolean {
    const nowMs = this.clock.now();
    const probability = this.probabilityAt(nowMs);
    if (probability <= 0 || this.random() >= probability) return true;
    this.requests.add(1, nowMs);
    return false;
  }

  /** A server took the call, whatever it answered. */
  onAccepted(): void {
    const nowMs = this.clock.now();
    this.requests.add(1, nowMs);
    this.accepts.add(1, nowMs);
  }

  /** A server turned the call away, or none could be reached. */
  onRejected(): void {
    this.requests.add(1, this.clock.now());
  }

  /** The share of calls that is refused at present, 0 to 0.9. */
  get probability(): number {
    return this.probabilityAt(this.clock.now());
  }

  private probabilityAt(nowMs: number): number {
    const requests = this.requests.sum(nowMs);
    const surplus = requests - this.policy.k * this.accepts.sum(nowMs);
    return Math.min(MAX_PROBABILITY, Math.max(0, surplus / (requests + PADDING)));
  }
}

/** Refuses numbers that make no throttle. */
export function checkThrottle(key: string, policy: ThrottlePolicy): void {
  checkNumber(`${key}.k`, policy.k, 1);
  checkNumber(`${key}.windowMs`, policy.windowMs, 100);
}
