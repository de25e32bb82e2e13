import type { Clock } from '../core/clock.ts';
import { checkAboveZero, checkNumber } from '../core/checks.ts';
import type { RateLimitPolicy } from './policy.ts';

/** What a token may lack by rounding alone. */
const ROUNDING = 1e-6;

/** Lets `perSecond` calls through in the long run and up to `burst` at once. Starts full. */
export class TokenBucket {
  private policy: RateLimitPolicy;
  private readonly clock: Clock;
  private tokens: number;
  private filledAtMs: number;

  constructor(policy: RateLimitPolicy, clock: Clock) {
    checkRateLimit('rateLimit', policy);
    this.policy = policy;
    this.clock = clock;
    this.tokens = policy.burst;
    this.filledAtMs = clock.now();
  }

  /** Calls a second in the long run. */
  get perSecond(): number {
    return this.policy.perSecond;
  }

  /** Takes another policy; the tokens stay, as many as the new bucket holds. */
  configure(policy: RateLimitPolicy): void {
    checkRateLimit('rateLimit', policy);
    this.fill(this.clock.now());
    this.policy = policy;
    this.tokens = Math.min(this.tokens, policy.burst);
  }

  /** Takes one token; false where there is none. */
  tryTake(nowMs: number = this.clock.now()): boolean {
    this.fill(nowMs);
    if (this.tokens < 1 - ROUNDING) return false;
    this.tokens = Math.max(0, this.tokens - 1);
    return true;
  }

  /** In how many ms a token can be taken, if nobody takes it before; 0 when there is one. */
  msUntilToken(nowMs: number = this.clock.now()): number {
    this.fill(nowMs);
    if (this.tokens >= 1 - ROUNDING) return 0;
    return ((1 - this.tokens) * 1_000) / this.policy.perSecond;
  }

  private fill(nowMs: number): void {
    const { perSecond, burst } = this.policy;
    const gained = ((nowMs - this.filledAtMs) * perSecond) / 1_000;
    this.tokens = Math.min(burst, this.tokens + gained);
    this.filledAtMs = nowMs;
  }
}

/** Refuses numbers that make no rate limit. */
export function checkRateLimit(key: string, policy: RateLimitPolicy): void {
  checkAboveZero(`${key}.perSecond`, policy.perSecond);
  checkNumber(`${key}.burst`, policy.burst, 1);
}
