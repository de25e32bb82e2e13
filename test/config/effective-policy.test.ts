import { expect, test } from 'vitest';

import {
  effectiveChannelPolicy,
  effectiveMethodPolicy,
} from '../../src/config/effective-policy.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_EJECTION,
  DEFAULT_HEDGE,
  DEFAULT_RETRY,
  DEFAULT_RETRY_BUDGET,
  DEFAULT_SLOW_START,
  DEFAULT_THROTTLE,
} from '../../src/policies/policy.ts';
import { fixture, methodCalled } from './support.ts';

const getOrder = methodCalled('GetOrder');

test('where nothing is said, the defaults hold', () => {
  expect(effectiveMethodPolicy(getOrder, {}).policy).toEqual({
    timeoutMs: 15_000,
    maxTimeoutMs: Infinity,
    attemptTimeoutMs: undefined,
    waitForReady: false,
    idempotent: false,
    criticality: undefined,
    retry: DEFAULT_RETRY,
    hedge: undefined,
    breaker: DEFAULT_BREAKER,
    bulkhead: undefined,
    rateLimit: undefined,
    throttle: undefined,
    faults: [],
  });
  expect(effectiveChannelPolicy({}).policy).toEqual({
    balancer: 'peak_ewma',
    retryBudget: DEFAULT_RETRY_BUDGET,
    ejection: DEFAULT_EJECTION,
    slowStart: DEFAULT_SLOW_START,
    healthCheck: undefined,
  });
});

test('streams have no timeout by default; the contract says what is idempotent', () => {
  for (const shape of ['client_stream', 'server_stream', 'bidi_stream'] as const) {
    const { policy } = effectiveMethodPolicy(methodCalled('Watch', { shape }), {});
    expect(policy.timeoutMs).toBe(Infinity);
  }
  const marked = methodCalled('GetOrder', { idempotency: 'NO_SIDE_EFFECTS' });
  const byContract = effectiveMethodPolicy(marked, {});
  expect(byContract.policy.idempotent).toBe(true);
  expect(byContract.sources['idempotent']).toBe('contract');
  const byCode = effectiveMethodPolicy(marked, { defaults: { idempotent: false } });
  expect(byCode.policy.idempotent).toBe(false);
  expect(byCode.sources['idempotent']).toBe('code.defaults');
});

test('each source is stronger than those before it, value by value', () => {
  const sources = {
    defaults: { timeoutMs: 1, retry: { attempts: 2, backoff: { initialMs: 2, maxMs: 20 } } },
    methods: { getOrder: { timeoutMs: 2, retry: { backoff: { maxMs: 30 } } }, other: {} },
  };
  const document = {
    defaults: { timeoutMs: 3, retry: { backoff: { multiplier: 4 } } },
    methods: {
      'orders.v1.OrdersService': { timeoutMs: 4, waitForReady: true },
      'orders.v1.OrdersService/GetOrder': { timeoutMs: 5, retry: { codes: ['ABORTED' as const] } },
      'orders.v1.OrdersService/Other': { timeoutMs: 6 },
    },
  };
  const both = effectiveMethodPolicy(getOrder, { ...sources, document });
  expect(both.policy).toMatchObject({
    timeoutMs: 5,
    waitForReady: true,
    retry: {
      attempts: 2,
      backoff: { initialMs: 2, multiplier: 4, maxMs: 30, jitter: 'full' },
      codes: ['ABORTED'],
    },
  });
  expect(both.sources).toMatchObject({
    timeoutMs: 'file.method',
    waitForReady: 'file.service',
    attemptTimeoutMs: 'default',
    retry: 'file.method',
    'retry.attempts': 'code.defaults',
    'retry.backoff.initialMs': 'code.defaults',
    'retry.backoff.multiplier': 'file.defaults',
    'retry.backoff.maxMs': 'code.methods',
    'retry.backoff.jitter': 'default',
    'retry.codes': 'file.method',
    hedge: 'default',
    'breaker.minCalls': 'default',
  });
  const timeouts = [
    sources,
    { ...sources, document: { defaults: document.defaults } },
    { ...sources, document: { methods: { 'orders.v1.OrdersService': { timeoutMs: 4 } } } },
    { defaults: sources.defaults },
  ].map((from) => effectiveMethodPolicy(getOrder, from).policy.timeoutMs);
  expect(timeouts).toEqual([2, 3, 4, 1]);
  expect(DEFAULT_RETRY.backoff.maxMs).toBe(1_000);
});

test('false turns a concept off; a stronger object turns it on with what was said of it', () => {
  const off = effectiveMethodPolicy(getOrder, {
    defaults: { retry: { attempts: 5 }, breaker: false },
    document: { defaults: { retry: false } },
  });
  expect(off.policy.retry).toBeUndefined();
  expect(off.policy.breaker).toBeUndefined();
  expect(off.sources).toMatchObject({ retry: 'file.defaults', breaker: 'code.defaults' });
  expect(off.sources).not.toHaveProperty(['retry.attempts']);

  const on = effectiveMethodPolicy(getOrder, {
    defaults: { retry: { attempts: 5 }, breaker: false },
    document: {
      defaults: { retry: false },
      methods: { 'orders.v1.OrdersService': { retry: {}, breaker: { minCalls: 7 } } },
    },
  });
  expect(on.policy.retry).toEqual({ ...DEFAULT_RETRY, attempts: 5 });
  expect(on.policy.breaker).toEqual({ ...DEFAULT_BREAKER, minCalls: 7 });
  expect(on.sources).toMatchObject({ retry: 'file.service', 'retry.attempts': 'code.defaults' });
});

test('an empty object turns on what is off by default', () => {
  const { policy } = effectiveMethodPolicy(getOrder, { defaults: { hedge: {}, throttle: {} } });
  expect(policy.hedge).toEqual(DEFAULT_HEDGE);
  expect(policy.throttle).toEqual(DEFAULT_THROTTLE);
});

test('a burst that nobody gives is what one second allows, and never below one call', () => {
  const of = (perSecond: number) =>
    effectiveMethodPolicy(getOrder, { defaults: { rateLimit: { perSecond } } });
  expect(of(50).policy.rateLimit).toEqual({ perSecond: 50, burst: 50 });
  expect(of(0.2).policy.rateLimit).toEqual({ perSecond: 0.2, burst: 1 });
  expect(of(50).sources).toMatchObject({ 'rateLimit.burst': 'default' });
});

test('a longest time below the first, from two sources, is raised to it', () => {
  const breaker = { openMs: 20_000 };
  expect(effectiveMethodPolicy(getOrder, { defaults: { breaker } }).policy.breaker).toMatchObject({
    openMs: 20_000,
    maxOpenMs: 20_000,
  });
  const { policy } = effectiveChannelPolicy({ ejection: { baseMs: 600_000 } });
  expect(policy.ejection).toMatchObject({ baseMs: 600_000, maxMs: 600_000 });
});

test('a key given as undefined says nothing, and a key of another object is no key', () => {
  const defaults = { timeoutMs: undefined, retry: { attempts: undefined } } as never;
  const { policy, sources } = effectiveMethodPolicy(methodCalled('constructor'), {
    defaults,
    methods: {},
  });
  expect(policy.timeoutMs).toBe(15_000);
  expect(policy.retry).toEqual(DEFAULT_RETRY);
  expect(sources['retry.attempts']).toBe('default');
});

test('the file is stronger than code for the channel too, whatever balancer code gives', () => {
  const balancer = (): string => 'own';
  const code = { balancer, ejection: { consecutiveFailures: 9 }, slowStart: false as const };
  const document = { channel: { ejection: { jitter: 0 }, healthCheck: { service: 'a.B' } } };
  const { policy, sources } = effectiveChannelPolicy<() => string>(code, document);
  expect(policy.balancer).toBe(balancer);
  expect(policy.slowStart).toBeUndefined();
  expect(policy.healthCheck).toEqual({ service: 'a.B' });
  expect(policy.ejection).toEqual({ ...DEFAULT_EJECTION, consecutiveFailures: 9, jitter: 0 });
  expect(sources).toMatchObject({
    balancer: 'code.channel',
    'ejection.consecutiveFailures': 'code.channel',
    'ejection.jitter': 'file.channel',
    healthCheck: 'file.channel',
    retryBudget: 'default',
  });
  const named = effectiveChannelPolicy(code, { channel: { balancer: 'pick_first' } });
  expect(named.policy.balancer).toBe('pick_first');
});

test('of a service config only the most exact entry holds, and its timeout bounds', async () => {
  const document = parsePolicy(await fixture('service-config.json'), { file: 'sc.json' });
  const of = (name: string, timeoutMs?: number) => {
    const defaults = timeoutMs === undefined ? {} : { timeoutMs };
    return effectiveMethodPolicy(methodCalled(name), { defaults, document });
  };
  // The entry of the method says nothing of a timeout, so the others' are not its own.
  expect(of('GetOrder').policy).toMatchObject({
    timeoutMs: 15_000,
    maxTimeoutMs: Infinity,
    waitForReady: false,
    idempotent: true,
    hedge: { delayMs: 40, extra: 2 },
  });
  // The entry of the service: above, below and without a timeout from code.
  expect(of('Other', 60_000).policy).toMatchObject({ timeoutMs: 500, maxTimeoutMs: 500 });
  expect(of('Other', 100).policy).toMatchObject({ timeoutMs: 100, maxTimeoutMs: 500 });
  expect(of('Other').policy).toMatchObject({ timeoutMs: 500, retry: { attempts: 5 } });
  expect(of('Other', 100).sources).toMatchObject({
    timeoutMs: 'code.defaults',
    maxTimeoutMs: 'file.service',
  });
  expect(of('Other').sources['timeoutMs']).toBe('file.service');
  // A service that only the entry of all services is for: the built-in default is no bound.
  const payments = { ...methodCalled('Pay'), service: 'payments.v1.PaymentsService' };
  const { policy, sources } = effectiveMethodPolicy(payments, { document });
  expect(policy).toMatchObject({ timeoutMs: 20_000, retry: DEFAULT_RETRY, idempotent: false });
  expect(sources['timeoutMs']).toBe('file.defaults');
});
