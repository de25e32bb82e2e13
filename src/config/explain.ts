import type { MethodFacts } from '../core/method.ts';
import type { MethodPolicySources } from './effective-policy.ts';
import { effectiveMethodPolicy } from './effective-policy.ts';
import type { PolicyOrigin } from './merge.ts';

/** One value of a method's policy, and who said it. */
export interface PolicyRow {
  /** Dotted, such as `timeoutMs`, `retry` (whether it is on) or `retry.backoff.maxMs`. */
  readonly key: string;
  /** Null for a time or a bound that there is none of. */
  readonly value: PolicyValue;
  readonly source: PolicyOrigin;
}

export type PolicyValue = boolean | number | string | null | readonly unknown[];

/**
 * What holds for a method and where each value is from, in the order of the documentation. Times
 * are in ms; a concept that is off is one row, `false`.
 */
export function explainPolicy(
  method: MethodFacts,
  from: MethodPolicySources = {},
): readonly PolicyRow[] {
  const { policy, sources } = effectiveMethodPolicy(method, from);
  return Object.entries(policy).flatMap(([key, value]) => rowsOf(key, value, sources));
}

type Sources = Readonly<Record<string, PolicyOrigin>>;

/** Concepts are whole objects, or off; all else is one value, even where there is none. */
const PLAIN = new Set(['attemptTimeoutMs', 'criticality']);

function rowsOf(key: string, value: unknown, sources: Sources): PolicyRow[] {
  const source = sources[key] ?? 'default';
  if (Array.isArray(value)) return [{ key, value, source }];
  if (value === undefined) return [{ key, value: PLAIN.has(key) ? null : false, source }];
  if (value === Infinity) return [{ key, value: null, source }];
  if (typeof value !== 'object' || value === null) {
    return [{ key, value: value as PolicyValue, source }];
  }
  const parts = Object.entries(value).flatMap(([name, part]) =>
    rowsOf(`${key}.${name}`, part, sources),
  );
  // Of a part of a concept, such as `retry.backoff`, only the values count.
  return key.includes('.') ? parts : [{ key, value: true, source }, ...parts];
}
