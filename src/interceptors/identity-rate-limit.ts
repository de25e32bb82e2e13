import { withoutPort } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import { IDENTITY } from '../core/identity.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { RateLimitPolicy } from '../policies/policy.ts';
import { checkRateLimit, TokenBucket } from '../policies/token-bucket.ts';
import { EXEMPT_SERVICES } from './authentication.ts';
import { shed } from './shed.ts';

/** How many callers are remembered: those who called last. */
const MAX_CALLERS = 10_000;

/** A token bucket for each caller. */
export class RateLimits {
  private readonly policy: RateLimitPolicy;
  private readonly clock: Clock;
  private readonly maxCallers: number;
  /** The one who called longest ago first. */
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(
    policy: Pick<RateLimitPolicy, 'perSecond'> & Partial<RateLimitPolicy>,
    clock: Clock,
    maxCallers: number = MAX_CALLERS,
  ) {
    this.policy = { burst: Math.max(1, policy.perSecond), ...policy };
    checkRateLimit('rateLimit', this.policy);
    this.clock = clock;
    this.maxCallers = maxCallers;
  }

  /** How many callers are remembered. */
  get size(): number {
    return this.buckets.size;
  }

  /** The caller's bucket; one who was forgotten starts with a full one. */
  of(caller: string): TokenBucket {
    const { buckets } = this;
    const known = buckets.get(caller);
    if (known !== undefined) buckets.delete(caller);
    const bucket = known ?? new TokenBucket(this.policy, this.clock);
    buckets.set(caller, bucket);
    if (buckets.size > this.maxCallers) {
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}

/**
 * Server layer 7. Bounds how many calls a second each caller makes, so that one cannot use up what
 * others need. Below authentication: a caller is who it proved to be, and only where nobody is
 * known the address it calls from.
 */
export function identityRateLimit(limits: RateLimits | undefined): Interceptor<ServerCall> {
  return (next, method) => {
    if (limits === undefined || EXEMPT_SERVICES.has(method.service)) return next;
    return (call) => {
      const bucket = limits.of(callerOf(call));
      if (bucket.tryTake()) return next(call);
      const details = `The caller makes more than ${bucket.perSecond} calls a second`;
      return Promise.reject(shed(call, details, bucket.msUntilToken()));
    };
  };
}

/** What tells callers apart. No identity can be made up that is taken for an address. */
function callerOf(call: ServerCall): string {
  const identity = call.get(IDENTITY);
  if (identity !== undefined) return `${identity.scheme}\n${identity.subject}`;
  return withoutPort(call.peer.address);
}
