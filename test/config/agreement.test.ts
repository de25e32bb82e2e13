/**
 * The types in src/policies/policy.ts, its defaults, the published schema and the mechanisms say
 * the same of every key.
 */
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';

import schema from '../../src/config/policy.schema.json' with { type: 'json' };
import { findingsOfDocument } from '../../src/config/check-policy.ts';
import { Status } from '../../src/core/status.ts';
import { checkBreaker } from '../../src/policies/breaker.ts';
import { checkBulkhead } from '../../src/policies/bulkhead.ts';
import { checkFaults } from '../../src/policies/faults.ts';
import { checkEjection } from '../../src/policies/outlier.ts';
import type {
  BreakerPolicy,
  BulkheadPolicy,
  ChannelPolicy,
  EjectionPolicy,
  FaultPolicy,
  HedgePolicy,
  MethodPolicy,
  PolicyDocument,
  RateLimitPolicy,
  RetryBackoff,
  RetryBudgetPolicy,
  RetryPolicy,
  SlowStartPolicy,
  ThrottlePolicy,
} from '../../src/policies/policy.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_EJECTION,
  DEFAULT_HEDGE,
  DEFAULT_RETRY,
  DEFAULT_RETRY_BUDGET,
  DEFAULT_SLOW_START,
  DEFAULT_THROTTLE,
} from '../../src/policies/policy.ts';
import { checkRetryBudget } from '../../src/policies/retry-budget.ts';
import { checkSlowStart } from '../../src/policies/slow-start.ts';
import { checkThrottle } from '../../src/policies/throttle.ts';
import { checkRateLimit } from '../../src/policies/token-bucket.ts';

/** Every key there is: one that the types have and that is missing here does not compile. */
const backoff = { initialMs: 1, multiplier: 2, maxMs: 3, jitter: 0.5 } satisfies RetryBackoff;
const retry = { attempts: 2, backoff, codes: ['ABORTED'] } satisfies RetryPolicy;
const hedge = { delayMs: 5, extra: 1 } satisfies HedgePolicy;
const breaker = { ...DEFAULT_BREAKER } satisfies BreakerPolicy;
const bulkhead = { limit: 1, queue: 1 } satisfies BulkheadPolicy;
const rateLimit = { perSecond: 1, burst: 1 } satisfies RateLimitPolicy;
const throttle = { ...DEFAULT_THROTTLE } satisfies ThrottlePolicy;
const fault = {
  percent: 1,
  delayMs: 1,
  abort: { code: 'ABORTED', details: 'x' },
  header: { name: 'x', value: 'y' },
} satisfies DeepRequired<FaultPolicy>;
const method = {
  timeoutMs: 1,
  attemptTimeoutMs: 1,
  waitForReady: true,
  idempotent: true,
  criticality: 'critical',
  retry,
  hedge,
  breaker,
  bulkhead,
  rateLimit,
  throttle,
  faults: [fault],
} satisfies Required<MethodPolicy>;
const retryBudget = { ...DEFAULT_RETRY_BUDGET } satisfies RetryBudgetPolicy;
const ejection = { ...DEFAULT_EJECTION } satisfies EjectionPolicy;
const slowStart = { ...DEFAULT_SLOW_START } satisfies SlowStartPolicy;
const healthCheck = { service: 'a.B' };
const channel = {
  balancer: 'peak_ewma',
  retryBudget,
  ejection,
  slowStart,
  healthCheck,
} satisfies Required<ChannelPolicy>;
const full = {
  defaults: method,
  methods: { 'a.B/C': method },
  channel,
} satisfies Required<PolicyDocument>;

type DeepRequired<T> = { [K in keyof T]-?: T[K] extends object ? DeepRequired<T[K]> : T[K] };

/** A part of the schema. */
interface Part {
  readonly $ref?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Part>>;
  readonly additionalProperties?: boolean | Part;
  readonly items?: Part;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

const definitions = schema.$defs as unknown as Readonly<Record<string, Part>>;

function resolved(part: Part | undefined): Part {
  const name = part?.$ref?.replace('#/$defs/', '');
  const found = name === undefined ? part : definitions[name];
  if (found === undefined) throw new Error('the schema has no such part');
  return found;
}

/** All keys below a part, as dotted paths. */
function keysOfSchema(given: Part, prefix = ''): string[] {
  const part = resolved(given);
  if (part.items !== undefined) return keysOfSchema(part.items, `${prefix}[].`);
  return Object.entries(part.properties ?? {}).flatMap(([key, value]) => [
    prefix + key,
    ...keysOfSchema(value, `${prefix}${key}.`),
  ]);
}

/** The same of a value. */
function keysOf(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return keysOf(value[0], `${prefix}[].`);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    prefix + key,
    ...keysOf(inner, `${prefix}${key}.`),
  ]);
}

/** The values that a schema gives as defaults. */
function defaultsOf(name: string): unknown {
  const values = (given: Part): unknown => {
    const part = resolved(given);
    if (part.properties === undefined) return part.default;
    return Object.fromEntries(
      Object.entries(part.properties).map(([key, value]) => [key, values(value)]),
    );
  };
  return values(resolved(definitions[name]));
}

test('the schema has the keys of the types, and no others', () => {
  expect(keysOfSchema(definitions['methodPolicy'] as Part).toSorted()).toEqual(
    keysOf(method).toSorted(),
  );
  expect(keysOfSchema(definitions['channelPolicy'] as Part).toSorted()).toEqual(
    keysOf(channel).toSorted(),
  );
  expect(Object.keys(schema.properties).toSorted()).toEqual(
    ['$schema', ...Object.keys(full)].toSorted(),
  );
});

test('every object of the schema refuses what it does not know', () => {
  const open = Object.entries(definitions)
    .flatMap(([name, part]) => [
      [name, part] as const,
      ...Object.entries(part.properties ?? {}).map(([key, inner]) => [key, inner] as const),
    ])
    .filter(([, part]) => part.properties !== undefined && part.additionalProperties !== false)
    .map(([name]) => name);
  expect(open).toEqual([]);
  expect(schema.additionalProperties).toBe(false);
});

test('the defaults of the schema are those of the code', () => {
  expect(defaultsOf('retry')).toEqual(DEFAULT_RETRY);
  expect(defaultsOf('hedge')).toEqual(DEFAULT_HEDGE);
  expect(defaultsOf('breaker')).toEqual(DEFAULT_BREAKER);
  expect(defaultsOf('throttle')).toEqual(DEFAULT_THROTTLE);
  expect(defaultsOf('retryBudget')).toEqual(DEFAULT_RETRY_BUDGET);
  expect(defaultsOf('ejection')).toEqual(DEFAULT_EJECTION);
  expect(defaultsOf('slowStart')).toEqual(DEFAULT_SLOW_START);
});

test('a document of every key passes, by the schema as it is published and by its checks', () => {
  const published = new Ajv({ allowUnionTypes: true }).compile(schema);
  expect(published(full)).toBe(true);
  expect(findingsOfDocument(full)).toEqual([]);
  const wrong = { ...full, defaults: { ...method, retries: 3 } };
  expect(published(wrong)).toBe(false);
  expect(findingsOfDocument(wrong)).toHaveLength(1);
});

test('the schema names every status but OK', () => {
  const names = Object.keys(Status).filter((name) => /^[A-Z_]+$/.test(name));
  const errors = names.filter((name) => name !== 'OK' && name !== 'UNRECOGNIZED');
  expect(schema.$defs.status.enum.toSorted()).toEqual(errors.toSorted());
});

/** Both ends of every number's range. */
function extremesOf(name: string): { key: string; value: number }[] {
  return Object.entries(resolved(definitions[name]).properties ?? {}).flatMap(([key, part]) => {
    const { minimum, exclusiveMinimum, maximum } = part;
    const least = minimum ?? (exclusiveMinimum === undefined ? undefined : 1e-9);
    return [least, maximum].flatMap((value) => (value === undefined ? [] : [{ key, value }]));
  });
}

type Check = (key: string, policy: never) => void;

test.each<[string, object, Check]>([
  ['breaker', { ...breaker, openMs: 1, maxOpenMs: 31_536_000_000 }, checkBreaker],
  ['bulkhead', bulkhead, checkBulkhead],
  ['rateLimit', rateLimit, checkRateLimit],
  ['throttle', throttle, checkThrottle],
  ['retryBudget', retryBudget, checkRetryBudget],
  ['ejection', ejection, checkEjection],
  ['slowStart', slowStart, checkSlowStart],
  ['fault', fault, (key, policy) => checkFaults(key, [policy])],
])('what the schema accepts for %s, the mechanism takes', (name, policy, check) => {
  const extremes = extremesOf(name);
  expect(extremes.length).toBeGreaterThan(0);
  for (const { key, value } of extremes) {
    // The one key whose range hangs on another one's; the merge keeps it above that.
    const first = key === 'maxOpenMs' || key === 'openMs' ? { openMs: 1, maxOpenMs: 3.2e10 } : {};
    expect(() => check(name, { ...policy, ...first, [key]: value } as never)).not.toThrow();
  }
});
