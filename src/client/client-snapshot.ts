import type { ResolvedMethodPolicy } from '../config/effective-policy.ts';
import type { PolicyOrigin } from '../config/merge.ts';
import { ConfigError } from '../core/errors.ts';
import type { BreakerSnapshot } from '../policies/breaker.ts';
import type { AttemptCounters } from '../policies/retry-rules.ts';
import type { BoundMethods } from './bound-methods.ts';
import type { CircuitChange } from './circuit-history.ts';
import type { MethodState } from './method-state.ts';

/** Where a client keeps what stands behind its methods. */
export const BOUND_METHODS: unique symbol = Symbol('inboard.methods');

/** What a client knows of one of its methods. */
export interface MethodSnapshot {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Counted since the client was made. */
  readonly counters: Readonly<AttemptCounters>;
  /** Undefined where the method has no breaker. */
  readonly breaker: BreakerSnapshot | undefined;
  /** The circuit's last changes, oldest first; times are of the runtime's clock, in ms. */
  readonly circuit: readonly CircuitChange[];
  /** Undefined where the method has no bulkhead. */
  readonly bulkhead: { readonly inUse: number; readonly queued: number } | undefined;
  /** Recent times of successful attempts, in ms; undefined while there are few. */
  readonly latencyMs: Readonly<Record<'p50' | 'p95' | 'p99', number | undefined>>;
  /** What holds for it now. */
  readonly policy: ResolvedMethodPolicy;
  /** Where each value of the policy comes from, by dotted key. */
  readonly sources: Readonly<Record<string, PolicyOrigin>>;
}

/** What a client knows of its methods; throws a `ConfigError` for what is no client. */
export function clientSnapshot(client: object): readonly MethodSnapshot[] {
  const bound = (client as { readonly [BOUND_METHODS]?: BoundMethods })[BOUND_METHODS];
  if (bound === undefined) {
    throw new ConfigError('clientSnapshot() takes a client that createClient() has made');
  }
  return methodSnapshots(bound);
}

/** The same of what stands behind a client. */
export function methodSnapshots(bound: BoundMethods): readonly MethodSnapshot[] {
  return [...bound.byPath.values()].map(({ state }) => snapshot(state));
}

function snapshot(state: MethodState): MethodSnapshot {
  const { method, counters, breaker, circuit, bulkhead, latency, effective } = state;
  return {
    path: method.path,
    counters: { ...counters },
    breaker: breaker?.snapshot(),
    circuit: [...circuit.changes],
    bulkhead: bulkhead && { inUse: bulkhead.inUse, queued: bulkhead.queued },
    latencyMs: {
      p50: latency.quantile(0.5),
      p95: latency.quantile(0.95),
      p99: latency.quantile(0.99),
    },
    ...effective,
  };
}
