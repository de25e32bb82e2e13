import type { Criticality } from '../core/criticality.ts';
import type { Status } from '../core/status.ts';

/** A status code by its name in gRPC's statuscodes.md, such as `'UNAVAILABLE'`. */
export type StatusName = Exclude<keyof typeof Status, 'UNRECOGNIZED'>;

/** How the failed attempts of one call are repeated. */
export interface RetryPolicy {
  /** Attempts in all, the first included. Default 3; 1 turns retries off. */
  readonly attempts: number;
  readonly backoff: RetryBackoff;
  /**
   * What is retried for methods that the contract calls idempotent, beside attempts that no server
   * has processed, local attempt timeouts, servers that cancel and pushback. Default UNAVAILABLE.
   */
  readonly codes: readonly StatusName[];
}

/** The wait before each further attempt. */
export interface RetryBackoff {
  /** Upper bound of the first wait, in ms. Default 25. */
  readonly initialMs: number;
  /** By what the bound grows. Default 1.6 (connection-backoff.md). */
  readonly multiplier: number;
  /** The bound's own bound, in ms. Default 1 000. */
  readonly maxMs: number;
  /**
   * `'full'`: uniform from 0 to the bound (Brooker, "Exponential Backoff And Jitter"); 0.2 is
   * ±20 % around it, as A6 has it. Default `'full'`.
   */
  readonly jitter: 'full' | number;
}

/** Further attempts while the first is still open; for idempotent methods only (A6). */
export interface HedgePolicy {
  /** Wait before each further attempt, in ms, or the method's recent 95th percentile. Default p95. */
  readonly delayMs: number | 'p95';
  /** How many further attempts at most, 1 or 2. Default 2. */
  readonly extra: number;
}

/** When a method that keeps failing is no longer called, and how it is tried again. */
export interface BreakerPolicy {
  /** Share of failures in the window that opens it, above 0 and up to 1. Default 0.5. */
  readonly failureRatio: number;
  /** Sliding window, in ms. Default 10 000. */
  readonly windowMs: number;
  /** Calls in the window below which it never opens. Default 20. */
  readonly minCalls: number;
  /** Time open before probes, in ms; doubles each time the probes fail. Default 2 000. */
  readonly openMs: number;
  /** Longest time open, in ms. Default 10 000. */
  readonly maxOpenMs: number;
  /** Share of the open time that is random, both ways. Default 0.2. */
  readonly jitter: number;
  /** Calls let through at a time while half-open. Default 3. */
  readonly probes: number;
  /** Successes in a row that close it again. Default 3. */
  readonly successes: number;
}

/** How many calls of a method run at a time. */
export interface BulkheadPolicy {
  /** Calls at a time; a call counts once, however many attempts it takes. */
  readonly limit: number;
  /** How many more may wait, each no longer than its deadline. Default 0. */
  readonly queue: number;
}

/** How many calls of a method are made in a time: a token bucket. */
export interface RateLimitPolicy {
  /** Calls a second in the long run. */
  readonly perSecond: number;
  /** Calls at once after a pause. Default `perSecond`, at least 1. */
  readonly burst: number;
}

/** Adaptive throttling: refuses here what an overloaded server would refuse there (SRE, ch. 21). */
export interface ThrottlePolicy {
  /** Refusals begin when calls are more than `k` times those accepted. Default 2. */
  readonly k: number;
  /** What counts as recent, in ms. Default 120 000. */
  readonly windowMs: number;
}

/** A fault that is injected on purpose, to see what the layers above make of it. */
export interface FaultPolicy {
  /** Share of the matching calls that it strikes, 0 to 100. */
  readonly percent: number;
  /** Waits before the call goes on or is aborted, in ms. */
  readonly delayMs?: number;
  /** Ends the call with a status. */
  readonly abort?: { readonly code: StatusName; readonly details?: string };
  /** Strikes only calls that carry this header, with this value where one is given. */
  readonly header?: { readonly name: string; readonly value?: string };
}

/** What a client does for the calls of one method. What is left away comes from weaker sources. */
export interface MethodPolicy {
  /** How long a call may take, in ms. Default 15 000 for unary methods, none for streams. */
  readonly timeoutMs?: number;
  /** How long one attempt may take, in ms. Default none. */
  readonly attemptTimeoutMs?: number;
  /** Wait for an endpoint instead of failing at once when none is reachable. Default false. */
  readonly waitForReady?: boolean;
  /**
   * The method may run twice without harm, whatever its contract leaves unsaid. Default what the
   * contract's `idempotency_level` says. Retries and hedges depend on it.
   */
  readonly idempotent?: boolean;
  /**
   * Which calls an overloaded server refuses first. Sent along, and inherited by the calls that
   * their handlers make. Default unsaid, which is `'default'`.
   */
  readonly criticality?: Criticality;
  /** Default on. */
  readonly retry?: PartialRetryPolicy | false;
  /** Default off; `{}` turns it on. Applies to idempotent methods only. */
  readonly hedge?: Partial<HedgePolicy> | false;
  /** Default on. */
  readonly breaker?: Partial<BreakerPolicy> | false;
  /** Default off. */
  readonly bulkhead?: (Pick<BulkheadPolicy, 'limit'> & Partial<BulkheadPolicy>) | false;
  /** Default off. */
  readonly rateLimit?: (Pick<RateLimitPolicy, 'perSecond'> & Partial<RateLimitPolicy>) | false;
  /** Default off; `{}` turns it on. */
  readonly throttle?: Partial<ThrottlePolicy> | false;
  /** Default none. */
  readonly faults?: readonly FaultPolicy[];
}

/** A retry policy with only what differs from the default. */
export type PartialRetryPolicy = Partial<Omit<RetryPolicy, 'backoff'>> & {
  readonly backoff?: Partial<RetryBackoff>;
};

/** How many retries and hedges all methods of a channel may add together. */
export interface RetryBudgetPolicy {
  /** Further attempts a call. Default 0.2 (Finagle). */
  readonly ratio: number;
  /** Further attempts a second on top, so that rare calls may retry, too. Default 10. */
  readonly perSecond: number;
  /** How long an unspent attempt lasts, in ms. Default 10 000. */
  readonly ttlMs: number;
}

/** When an endpoint that fails or stands out is left alone for a while (A50). */
export interface EjectionPolicy {
  /** Failures in a row that eject. Default 5. */
  readonly consecutiveFailures: number;
  /** How often endpoints are compared, in ms. Default 10 000. */
  readonly intervalMs: number;
  /** Time ejected, in ms, times how often it was ejected. Default 30 000. */
  readonly baseMs: number;
  /** Longest time ejected, in ms. Default 300 000. */
  readonly maxMs: number;
  /** Share of the time ejected that is random, both ways. Default 0.2. */
  readonly jitter: number;
  /** Most endpoints ejected at a time, per cent; one always may be. Default 50. */
  readonly maxPercent: number;
  /** Panic: with fewer available than this, per cent, ejections are ignored. Default 50. */
  readonly panicPercent: number;
  /** Calls in an interval below which an endpoint is not compared. Default 20. */
  readonly requestVolume: number;
  /** Thousandths of a standard deviation below the mean success rate. Default 1 900. */
  readonly stdevFactor: number;
  /** Failures, per cent, that eject where hosts are too few for a deviation. Default 50. */
  readonly failurePercent: number;
  /** From how many endpoints on success rates are compared by deviation. Default 5. */
  readonly minHosts: number;
}

/** How an endpoint that is new gets its share. */
export interface SlowStartPolicy {
  /** Over how long its share grows to the full one, in ms. Default 10 000. */
  readonly windowMs: number;
}

/** The balancers that come with inboard. */
export type BalancerName = 'peak_ewma' | 'least_request' | 'round_robin' | 'pick_first';

/** What a channel does for all methods called over it. */
export interface ChannelPolicy {
  /** Default `'peak_ewma'`. */
  readonly balancer?: BalancerName;
  /** Default on; `false` sets no bound. */
  readonly retryBudget?: Partial<RetryBudgetPolicy> | false;
  /** Default on. */
  readonly ejection?: Partial<EjectionPolicy> | false;
  /** Default on. */
  readonly slowStart?: Partial<SlowStartPolicy> | false;
  /** Watches the health of each endpoint by `grpc.health.v1` (A17). Default off. */
  readonly healthCheck?: { readonly service: string } | false;
}

/** Policies of many methods and of the channel they are called over: what a policy file holds. */
export interface PolicyDocument {
  /** For every method that nothing more exact names. */
  readonly defaults?: MethodPolicy;
  /** By `package.Service` or `package.Service/Method`; the longer name is the stronger. */
  readonly methods?: Readonly<Record<string, MethodPolicy>>;
  readonly channel?: ChannelPolicy;
}

export const DEFAULT_RETRY: RetryPolicy = Object.freeze({
  attempts: 3,
  backoff: Object.freeze({ initialMs: 25, multiplier: 1.6, maxMs: 1_000, jitter: 'full' as const }),
  codes: Object.freeze(['UNAVAILABLE'] as const),
});

export const DEFAULT_HEDGE: HedgePolicy = Object.freeze({ delayMs: 'p95', extra: 2 });

export const DEFAULT_BREAKER: BreakerPolicy = Object.freeze({
  failureRatio: 0.5,
  windowMs: 10_000,
  minCalls: 20,
  openMs: 2_000,
  maxOpenMs: 10_000,
  jitter: 0.2,
  probes: 3,
  successes: 3,
});

export const DEFAULT_THROTTLE: ThrottlePolicy = Object.freeze({ k: 2, windowMs: 120_000 });

export const DEFAULT_RETRY_BUDGET: RetryBudgetPolicy = Object.freeze({
  ratio: 0.2,
  perSecond: 10,
  ttlMs: 10_000,
});

export const DEFAULT_EJECTION: EjectionPolicy = Object.freeze({
  consecutiveFailures: 5,
  intervalMs: 10_000,
  baseMs: 30_000,
  maxMs: 300_000,
  jitter: 0.2,
  maxPercent: 50,
  panicPercent: 50,
  requestVolume: 20,
  stdevFactor: 1_900,
  failurePercent: 50,
  minHosts: 5,
});

export const DEFAULT_SLOW_START: SlowStartPolicy = Object.freeze({ windowMs: 10_000 });
