import type { Effective, ResolvedMethodPolicy } from '../config/effective-policy.ts';
import type { Idempotency } from '../core/method.ts';
import { shownMs } from './read-option.ts';

/** A method's idempotency level and what its contract makes of the defaults. */
export interface MethodSide extends Effective<ResolvedMethodPolicy> {
  readonly level: Idempotency;
}

/** When a change of one value takes from callers what they had. */
export interface PolicyDiffRule {
  /** Dotted, such as `retry.attempts`. */
  readonly key: string;
  /** What breaks callers. */
  readonly breaking: string;
  /** What follows for them. */
  readonly consequence: string;
  /** What to do; `{}` stands for the value as it was. */
  readonly advice: string;
  /** The value as a person reads it. */
  shown(side: MethodSide): string;
  broken(before: MethodSide, after: MethodSide): boolean;
}

type NumberOf = (policy: ResolvedMethodPolicy) => number;

const LEAST = 'keep at least {}';

/**
 * What `inboard check` calls breaking, all of it. Compared is what holds for a client that says
 * nothing itself, so that a value which goes falls back to its default: a timeout of 60 s that is
 * removed is shortened to 15 s, one of 5 s is not. Every other change passes: longer times, more
 * attempts, wider bounds, backoff, breaker and when to hedge. Methods that are gone are told by
 * `buf breaking`.
 */
export const POLICY_DIFF_RULES: readonly PolicyDiffRule[] = [
  {
    key: 'idempotent',
    breaking: 'idempotency_level dropped, or NO_SIDE_EFFECTS weakened to IDEMPOTENT',
    consequence: 'what callers repeat, cache or read from a replica may no longer be safe',
    advice: 'keep {}, or add a method that does the new thing',
    shown: ({ level }) => level ?? 'none',
    broken: (before, after) => strength(after) < strength(before),
  },
  smaller('timeoutMs', (policy) => policy.timeoutMs, {
    breaking: 'timeout shorter, or added to a stream',
    consequence: 'calls that take longer fail now',
    inMs: true,
  }),
  smaller('attemptTimeoutMs', (policy) => policy.attemptTimeoutMs ?? Infinity, {
    breaking: 'attempt_timeout shorter, or added',
    consequence: 'attempts that take longer fail now',
    inMs: true,
  }),
  {
    key: 'waitForReady',
    breaking: 'wait_for_ready taken back',
    consequence: 'calls fail at once while no endpoint is reachable',
    advice: 'keep {}',
    shown: ({ policy }) => String(policy.waitForReady),
    broken: (before, after) => before.policy.waitForReady && !after.policy.waitForReady,
  },
  {
    key: 'criticality',
    breaking: 'criticality lowered',
    consequence: 'calls are refused earlier when a server is overloaded',
    advice: 'keep {}',
    shown: ({ policy }) => policy.criticality ?? 'none',
    broken: (before, after) => worth(after) < worth(before),
  },
  smaller('retry.attempts', (policy) => policy.retry?.attempts ?? 1, {
    breaking: 'fewer attempts, or retry turned off',
    consequence: 'failures that were repaired reach callers',
  }),
  {
    key: 'retry.codes',
    breaking: 'a status code no longer retried',
    consequence: 'failures that were repaired reach callers',
    advice: 'keep {}',
    shown: ({ policy }) => policy.retry?.codes.join(', ') ?? 'none',
    broken: ({ policy: before }, { policy: after }) =>
      after.retry !== undefined &&
      before.retry?.codes.some((code) => after.retry?.codes.includes(code) === false) === true,
  },
  smaller('hedge.extra', (policy) => policy.hedge?.extra ?? 0, {
    breaking: 'hedge removed, or fewer extra attempts',
    consequence: 'slow answers are no longer overtaken',
  }),
  smaller('bulkhead.limit', (policy) => policy.bulkhead?.limit ?? Infinity, {
    breaking: 'bulkhead smaller, or added',
    consequence: 'calls beyond it are refused',
  }),
  smallerOfBoth('bulkhead.queue', ({ bulkhead }) => bulkhead?.queue, {
    breaking: 'queue of a bulkhead shorter',
    consequence: 'calls beyond it are refused',
  }),
  smaller('rateLimit.perSecond', (policy) => policy.rateLimit?.perSecond ?? Infinity, {
    breaking: 'rate_limit lower, or added',
    consequence: 'calls beyond it are refused',
  }),
  smallerOfBoth('rateLimit.burst', ({ rateLimit }) => rateLimit?.burst, {
    breaking: 'burst of a rate_limit smaller',
    consequence: 'calls beyond it are refused',
  }),
];

interface Words {
  readonly breaking: string;
  readonly consequence: string;
  readonly inMs?: boolean;
}

/** A number of which less is worse. */
function smaller(key: string, of: NumberOf, words: Words): PolicyDiffRule {
  const { breaking, consequence, inMs = false } = words;
  return {
    key,
    breaking,
    consequence,
    advice: LEAST,
    shown: ({ policy }) => {
      const value = of(policy);
      if (value === Infinity) return 'none';
      return inMs ? shownMs(value) : String(value);
    },
    broken: (before, after) => of(after.policy) < of(before.policy),
  };
}

/** The same where both sides have what it belongs to. */
function smallerOfBoth(
  key: string,
  of: (policy: ResolvedMethodPolicy) => number | undefined,
  words: Words,
): PolicyDiffRule {
  return {
    ...smaller(key, (policy) => of(policy) ?? Infinity, words),
    broken: ({ policy: before }, { policy: after }) => {
      const [was, is] = [of(before), of(after)];
      return was !== undefined && is !== undefined && is < was;
    },
  };
}

function worth({ policy }: MethodSide): number {
  if (policy.criticality === 'critical') return 2;
  return policy.criticality === 'sheddable' ? 0 : 1;
}

function strength({ level }: MethodSide): number {
  if (level === 'NO_SIDE_EFFECTS') return 2;
  return level === 'IDEMPOTENT' ? 1 : 0;
}
