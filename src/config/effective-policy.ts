import type { Criticality } from '../core/criticality.ts';
import type { MethodFacts } from '../core/method.ts';
import type {
  BalancerName,
  BreakerPolicy,
  BulkheadPolicy,
  ChannelPolicy,
  EjectionPolicy,
  FaultPolicy,
  HedgePolicy,
  MethodPolicy,
  PolicyDocument,
  RateLimitPolicy,
  RetryBudgetPolicy,
  RetryPolicy,
  SlowStartPolicy,
  ThrottlePolicy,
} from '../policies/policy.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_EJECTION,
  DEFAULT_HEDGE,
  DEFAULT_RETRY,
  DEFAULT_RETRY_BUDGET,
  DEFAULT_SLOW_START,
  DEFAULT_THROTTLE,
} from '../policies/policy.ts';
import type { Layer, PolicyOrigin } from './merge.ts';
import { Merge } from './merge.ts';
import { isServiceConfig } from './service-config.ts';

/** How long a unary call may take when nothing says otherwise, in ms. */
export const DEFAULT_UNARY_TIMEOUT_MS = 15_000;

/** How long a call of the method may take when nothing says otherwise, in ms. */
export function defaultTimeoutMs({ shape }: MethodFacts): number {
  return shape === 'unary' ? DEFAULT_UNARY_TIMEOUT_MS : Infinity;
}

/** What holds for one method once all sources are laid over each other; undefined is off. */
export interface ResolvedMethodPolicy {
  /** In ms; Infinity where there is none. */
  readonly timeoutMs: number;
  /** What no call may exceed, whatever it asks for: a gRPC service config's timeout. In ms. */
  readonly maxTimeoutMs: number;
  readonly attemptTimeoutMs: number | undefined;
  readonly waitForReady: boolean;
  readonly idempotent: boolean;
  /** Undefined where nobody says any. */
  readonly criticality: Criticality | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly hedge: HedgePolicy | undefined;
  readonly breaker: BreakerPolicy | undefined;
  readonly bulkhead: BulkheadPolicy | undefined;
  readonly rateLimit: RateLimitPolicy | undefined;
  readonly throttle: ThrottlePolicy | undefined;
  readonly faults: readonly FaultPolicy[];
}

/** The same for a channel; `B` is what code may give in place of a balancer's name. */
export interface ResolvedChannelPolicy<B = never> {
  readonly balancer: BalancerName | B;
  readonly retryBudget: RetryBudgetPolicy | undefined;
  readonly ejection: EjectionPolicy | undefined;
  readonly slowStart: SlowStartPolicy | undefined;
  readonly healthCheck: { readonly service: string } | undefined;
}

/** A policy and, for each of its values by dotted key, where that is from. */
export interface Effective<P> {
  readonly policy: P;
  readonly sources: Readonly<Record<string, PolicyOrigin>>;
}

/** Where the policy of a method comes from, beside its contract. */
export interface MethodPolicySources {
  /** Code: for all methods of the client. */
  readonly defaults?: MethodPolicy | undefined;
  /** Code: by the property of the typed client, such as `getOrder`. */
  readonly methods?: Readonly<Record<string, MethodPolicy | undefined>> | undefined;
  /** The policy file's present content. */
  readonly document?: PolicyDocument | undefined;
}

/**
 * What holds for a method. Weakest first: built-in default, contract, code's `defaults`, code's
 * `methods`, the file's `defaults`, its entry of the service, its entry of the method. Values are
 * merged one by one, so `retry.attempts` and `retry.backoff.maxMs` may come from two sources. Of a
 * gRPC service config, only the entry that names the method most exactly holds.
 */
export function effectiveMethodPolicy(
  method: MethodFacts,
  from: MethodPolicySources,
): Effective<ResolvedMethodPolicy> {
  const { defaults, methods, document } = from;
  const file = fileLayers(method, document);
  const merge = new Merge([
    { origin: 'contract', policy: method.policy },
    { origin: 'code.defaults', policy: defaults },
    { origin: 'code.methods', policy: own(methods, method.key) },
    ...file.layers,
  ]);
  const contract = method.idempotency === undefined ? 'default' : 'contract';
  const policy: ResolvedMethodPolicy = {
    ...timeouts(merge, method, file.cap),
    attemptTimeoutMs: merge.value<number | undefined>('attemptTimeoutMs', undefined),
    waitForReady: merge.value('waitForReady', false),
    idempotent: merge.value('idempotent', method.idempotency !== undefined, contract),
    criticality: merge.value<Criticality | undefined>('criticality', undefined),
    retry: merge.concept<RetryPolicy>('retry', 'on', DEFAULT_RETRY),
    hedge: merge.concept<HedgePolicy>('hedge', 'off', DEFAULT_HEDGE),
    breaker: atLeast(
      merge.concept<BreakerPolicy>('breaker', 'on', DEFAULT_BREAKER),
      'maxOpenMs',
      'openMs',
    ),
    bulkhead: merge.concept<BulkheadPolicy>('bulkhead', 'off', { queue: 0 }),
    rateLimit: withBurst(merge),
    throttle: merge.concept<ThrottlePolicy>('throttle', 'off', DEFAULT_THROTTLE),
    faults: merge.value<readonly FaultPolicy[]>('faults', []),
  };
  return { policy, sources: merge.sources };
}

/** What holds for a channel. Weakest first: built-in default, code, the file's `channel`. */
export function effectiveChannelPolicy<B = never>(
  code: Omit<ChannelPolicy, 'balancer'> & { readonly balancer?: BalancerName | B },
  document?: PolicyDocument,
): Effective<ResolvedChannelPolicy<B>> {
  const merge = new Merge([
    { origin: 'code.channel', policy: code },
    { origin: 'file.channel', policy: document?.channel },
  ]);
  const policy: ResolvedChannelPolicy<B> = {
    balancer: merge.value<BalancerName | B>('balancer', 'peak_ewma'),
    retryBudget: merge.concept<RetryBudgetPolicy>('retryBudget', 'on', DEFAULT_RETRY_BUDGET),
    ejection: atLeast(
      merge.concept<EjectionPolicy>('ejection', 'on', DEFAULT_EJECTION),
      'maxMs',
      'baseMs',
    ),
    slowStart: merge.concept<SlowStartPolicy>('slowStart', 'on', DEFAULT_SLOW_START),
    healthCheck: merge.concept<{ readonly service: string }>('healthCheck', 'off', {}),
  };
  return { policy, sources: merge.sources };
}

interface FileLayers {
  readonly layers: readonly Layer[];
  /** A bound of the timeout, in ms, and where it is from. */
  readonly cap?: { readonly ms: number; readonly origin: PolicyOrigin };
}

function fileLayers(method: MethodFacts, document: PolicyDocument | undefined): FileLayers {
  if (document === undefined) return { layers: [] };
  const layers = [
    { origin: 'file.defaults' as const, policy: document.defaults },
    { origin: 'file.service' as const, policy: own(document.methods, method.service) },
    {
      origin: 'file.method' as const,
      policy: own(document.methods, `${method.service}/${method.name}`),
    },
  ];
  if (!isServiceConfig(document)) return { layers };
  const exact = layers.findLast(({ policy }) => policy !== undefined);
  if (exact?.policy === undefined) return { layers: [] };
  const { timeoutMs, ...policy } = exact.policy;
  const only = [{ origin: exact.origin, policy }];
  if (timeoutMs === undefined) return { layers: only };
  return { layers: only, cap: { ms: timeoutMs, origin: exact.origin } };
}

/** A service config's timeout bounds what code gives, and takes the place of the default. */
function timeouts(
  merge: Merge,
  method: MethodFacts,
  cap: FileLayers['cap'],
): Pick<ResolvedMethodPolicy, 'timeoutMs' | 'maxTimeoutMs'> {
  const timeoutMs = merge.value('timeoutMs', defaultTimeoutMs(method));
  merge.sources['maxTimeoutMs'] = cap?.origin ?? 'default';
  if (cap === undefined) return { timeoutMs, maxTimeoutMs: Infinity };
  const bounded = merge.sources['timeoutMs'] === 'default' ? cap.ms : Math.min(timeoutMs, cap.ms);
  if (bounded !== timeoutMs) merge.sources['timeoutMs'] = cap.origin;
  return { timeoutMs: bounded, maxTimeoutMs: cap.ms };
}

/** A longest time that is shorter than the first, as two sources may have it, is the first. */
function atLeast<T extends object, K extends keyof T>(
  policy: T | undefined,
  longest: K,
  first: K,
): T | undefined {
  if (policy === undefined || policy[longest] >= policy[first]) return policy;
  return { ...policy, [longest]: policy[first] };
}

/** Without a burst of its own, a rate limit lets one second's calls through at once. */
function withBurst(merge: Merge): RateLimitPolicy | undefined {
  const limit = merge.concept<RateLimitPolicy>('rateLimit', 'off', {});
  if (limit === undefined || 'rateLimit.burst' in merge.sources) return limit;
  merge.sources['rateLimit.burst'] = 'default';
  return { ...limit, burst: Math.max(1, limit.perSecond) };
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
