import { describe, expect, test } from 'vitest';

import { explainPolicy } from '../../src/config/explain.ts';
import type { MethodPolicy } from '../../src/policies/policy.ts';
import { methodCalled } from './support.ts';

/** Each source says every value, and each says another one. */
function said(n: number): Required<Omit<MethodPolicy, 'idempotent'>> {
  return {
    timeoutMs: 1_000 + n,
    attemptTimeoutMs: 100 + n,
    waitForReady: n % 2 === 0,
    criticality: n % 2 === 0 ? 'critical' : 'sheddable',
    retry: {
      attempts: 4 + n,
      backoff: { initialMs: 10 + n, multiplier: 2 + n, maxMs: 100 + n, jitter: n / 10 },
      codes: n % 2 === 0 ? ['ABORTED'] : ['UNAVAILABLE', 'ABORTED'],
    },
    hedge: { delayMs: 50 + n, extra: 1 },
    breaker: {
      failureRatio: n / 10,
      windowMs: 1_000 + n,
      minCalls: 30 + n,
      openMs: 500 + n,
      maxOpenMs: 5_000 + n,
      jitter: n / 10,
      probes: 5 + n,
      successes: 6 + n,
    },
    bulkhead: { limit: 10 + n, queue: 20 + n },
    rateLimit: { perSecond: 40 + n, burst: 60 + n },
    throttle: { k: 3 + n, windowMs: 2_000 + n },
    faults: [{ percent: n, delayMs: 1 }],
  };
}

/** Weakest first, as the documentation has them. */
const sources = [
  'contract',
  'code.defaults',
  'code.methods',
  'file.defaults',
  'file.service',
  'file.method',
] as const;

const service = 'orders.v1.OrdersService';
const policyOf = Object.fromEntries(
  sources.map((origin, index) => [
    origin,
    // A contract says it by its idempotency_level.
    origin === 'contract' ? said(1) : { ...said(index + 1), idempotent: index % 2 === 0 },
  ]),
) as Record<(typeof sources)[number], MethodPolicy>;

/** Every key that a policy has, `retry.backoff.maxMs` and all. */
const keys = Object.entries(said(1)).flatMap(([key, value]) => leaves(key, value));

function leaves(key: string, value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [key];
  return Object.entries(value).flatMap(([name, part]) => leaves(`${key}.${name}`, part));
}

type Values = Readonly<Record<string, unknown>>;

function valueAt(policy: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((value, part) => (value as Values)[part], policy);
}

/** Those of a set's bits. */
function chosen(bits: number): readonly (typeof sources)[number][] {
  return sources.filter((_, index) => (bits & (1 << index)) !== 0);
}

function rows(give: (origin: (typeof sources)[number]) => MethodPolicy | undefined) {
  const policy = give('contract');
  const idempotency = policy === undefined ? undefined : ('IDEMPOTENT' as const);
  const method = { ...methodCalled('GetOrder', { idempotency }), policy };
  const explained = explainPolicy(method, {
    defaults: give('code.defaults'),
    methods: { getOrder: give('code.methods') },
    document: {
      defaults: give('file.defaults') ?? {},
      methods: {
        [service]: give('file.service') ?? {},
        [`${service}/GetOrder`]: give('file.method') ?? {},
      },
    },
  });
  return new Map(explained.map((row) => [row.key, row]));
}

/** Only the one value, in the shape of a policy. */
function alone(policy: MethodPolicy, key: string): MethodPolicy {
  const [first = '', ...rest] = key.split('.');
  const given = (policy as Values)[first];
  return { [first]: rest.length === 0 ? given : alone(given as MethodPolicy, rest.join('.')) };
}

const combinations = Array.from({ length: 2 ** sources.length }, (_, bits) => ({
  bits,
  from: chosen(bits).join(', ') || 'default alone',
}));

describe('the source of every value, by who says it', () => {
  test('there is a row for every key of a policy', () => {
    expect(keys).toHaveLength(27);
    expect([...rows(() => said(1)).keys()]).toEqual(expect.arrayContaining(keys));
  });

  test.each(combinations)('$from', ({ bits }) => {
    const who = chosen(bits);
    const strongest = who.at(-1);
    const all = rows((origin) => (who.includes(origin) ? policyOf[origin] : undefined));
    expect(all.get('idempotent')?.source).toBe(strongest ?? 'default');
    const rest = strongest ?? 'default';
    const expected = keys.map((key) => [key, rest]);
    expect(keys.map((key) => [key, all.get(key)?.source ?? 'default'])).toEqual(expected);
    const values = strongest === undefined ? [] : keys;
    const saidSo = values.map((key) => valueAt(policyOf[strongest ?? 'contract'], key));
    expect(values.map((key) => all.get(key)?.value)).toEqual(saidSo);
  });

  test.each(keys)('%s, said by one and all that is beside it by another', (key) => {
    const pairs = sources.flatMap((one) =>
      sources.filter((other) => other !== one).map((other) => [one, other] as const),
    );
    const told = pairs.map(([one, other]) => {
      const all = rows((origin) => {
        if (origin === other) return policyOf[other];
        return origin === one ? alone(policyOf[one], key) : undefined;
      });
      const beside = keys.filter((name) => name !== key).map((name) => all.get(name)?.source);
      return [one, other, all.get(key)?.source, [...new Set(beside)]];
    });
    const expected = pairs.map(([one, other]) => {
      const stronger = sources.indexOf(one) > sources.indexOf(other) ? one : other;
      return [one, other, stronger, [other]];
    });
    expect(told).toEqual(expected);
  });
});

test('who turned something on or off is said as well', () => {
  const off = rows((origin) => {
    if (origin === 'contract') return { retry: { attempts: 5 }, hedge: {} };
    return origin === 'file.service' ? { retry: false, hedge: false } : undefined;
  });
  expect(off.get('retry')).toEqual({ key: 'retry', value: false, source: 'file.service' });
  expect(off.get('hedge')).toEqual({ key: 'hedge', value: false, source: 'file.service' });
  expect(off.has('retry.attempts')).toBe(false);

  const on = rows((origin) => (origin === 'contract' ? { hedge: {} } : undefined));
  expect(on.get('hedge')).toEqual({ key: 'hedge', value: true, source: 'contract' });
  expect(on.get('hedge.extra')).toEqual({ key: 'hedge.extra', value: 2, source: 'default' });
});

test('what there is none of is null, and idempotency is the contract’s', () => {
  const stream = methodCalled('Watch', { shape: 'server_stream', idempotency: 'IDEMPOTENT' });
  const explained = new Map(explainPolicy(stream).map((row) => [row.key, row]));
  expect(explained.get('timeoutMs')).toMatchObject({ value: null, source: 'default' });
  for (const key of ['attemptTimeoutMs', 'criticality']) {
    expect(explained.get(key)).toMatchObject({ value: null, source: 'default' });
  }
  expect(explained.get('idempotent')).toMatchObject({ value: true, source: 'contract' });
  expect(explained.get('bulkhead')).toMatchObject({ value: false, source: 'default' });
});
