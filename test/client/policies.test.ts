import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, MethodPolicy } from '../../src/index.ts';
import {
  CircuitOpenError,
  clientSnapshot,
  ConfigError,
  createClient,
  RejectedError,
  ServerError,
  Status,
} from '../../src/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { deferred, rejection, startPair, testRuntime } from '../support/harness.ts';
import { changingPolicy } from './changing-policy.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const OFF: MethodPolicy = { retry: false, breaker: false };

const unavailable = async (): Promise<never> => {
  throw new ServerError(Status.UNAVAILABLE, 'down');
};

function methodOf(client: object, name: string) {
  const found = clientSnapshot(client).find(({ path }) => path === `/${SERVICE}/${name}`);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

describe('the layers together', () => {
  test('a breaker counts attempts, and its refusal is not retried', async () => {
    let calls = 0;
    await using pair = await startPair(
      {
        async unarySafe() {
          calls++;
          return unavailable();
        },
      },
      {
        client: {
          ejection: false,
          defaults: {
            retry: { backoff: { initialMs: 1, maxMs: 1 } },
            breaker: { minCalls: 6, openMs: 60_000, maxOpenMs: 60_000 },
          },
        },
      },
    );
    for (let call = 0; call < 2; call++) await rejection(pair.client.unarySafe({}));
    expect(calls).toBe(6);
    const refused = (await rejection(pair.client.unarySafe({}))) as CircuitOpenError;
    expect(refused).toBeInstanceOf(CircuitOpenError);
    expect(refused).toMatchObject({ code: Status.UNAVAILABLE, reason: 'circuit_open' });
    expect(refused.nextProbeInMs).toBeGreaterThan(1_000);
    expect(calls).toBe(6);
    expect(methodOf(pair.client, 'UnarySafe').breaker?.state).toBe('open');
    expect(pair.log.map(({ level, message }) => `${level}: ${message}`)).toContain(
      'warn: a circuit has opened',
    );
    // Another method of the same service has a breaker of its own.
    await expect(pair.client.unary({})).resolves.toBeDefined();
  });

  test('a bulkhead counts a call once, however often it is tried', async () => {
    let calls = 0;
    await using pair = await startPair(
      {
        async unarySafe({ sample }) {
          calls++;
          if (calls < 3) return unavailable();
          return { sample };
        },
      },
      {
        client: {
          ejection: false,
          defaults: { retry: { backoff: { initialMs: 1, maxMs: 1 } }, bulkhead: { limit: 1 } },
        },
      },
    );
    const first = pair.client.unarySafe({});
    expect(await rejection(pair.client.unarySafe({}))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: 'bulkhead_full',
    });
    await first;
    expect(calls).toBe(3);
    expect(methodOf(pair.client, 'UnarySafe').bulkhead).toEqual({ inUse: 0, queued: 0 });
  });

  test('a fallback answers for whatever failed for good', async () => {
    const seen: string[] = [];
    await using pair = await startPair(
      { unarySafe: unavailable },
      {
        client: {
          methods: {
            unarySafe: {
              ...OFF,
              rateLimit: { perSecond: 1, burst: 1 },
              fallback: (error, { sample }) => {
                const reason = error instanceof RejectedError ? error.reason : 'server';
                seen.push(reason);
                return { sample: { ...sample, text: 'from memory' } as never };
              },
            },
          },
        },
      },
    );
    const { client } = pair;
    expect((await client.unarySafe({})).sample?.text).toBe('from memory');
    expect((await client.unarySafe({})).sample?.text).toBe('from memory');
    expect(seen).toEqual(['server', 'rate_limited']);
  });

  test('faults lie below everything that they exercise', async () => {
    const attempts: number[] = [];
    const note: Interceptor<ClientCall> = (next) => (call) => {
      attempts.push(call.attempt);
      return next(call);
    };
    let calls = 0;
    await using pair = await startPair(
      {
        async unarySafe() {
          calls++;
          return {};
        },
      },
      {
        client: {
          interceptors: { perAttempt: [note] },
          defaults: {
            retry: { backoff: { initialMs: 1, maxMs: 1 } },
            faults: [{ percent: 100, abort: { code: 'UNAVAILABLE' } }],
          },
        },
      },
    );
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(attempts).toEqual([0, 1, 2]);
    expect(calls).toBe(0);
  });

  test('an attempt that times out counts against the breaker', async () => {
    const release = deferred();
    await using pair = await startPair(
      {
        async unarySafe() {
          await release.promise;
          return {};
        },
      },
      {
        client: {
          defaults: {
            retry: false,
            attemptTimeoutMs: 20,
            breaker: { minCalls: 2, openMs: 60_000, maxOpenMs: 60_000 },
          },
        },
      },
    );
    for (let call = 0; call < 2; call++) {
      expect(await rejection(pair.client.unarySafe({}))).toMatchObject({
        code: Status.DEADLINE_EXCEEDED,
      });
    }
    expect(await rejection(pair.client.unarySafe({}))).toBeInstanceOf(CircuitOpenError);
    release.resolve();
  });
});

describe('a policy that changes', () => {
  test('holds from the next call on, over what code says; calls under way go on', async () => {
    const { source, change, listeners } = changingPolicy();
    const release = deferred();
    {
      await using pair = await startPair(
        {
          async unary() {
            await release.promise;
            return {};
          },
        },
        { client: { policy: source, defaults: OFF, methods: { unary: { timeoutMs: 30_000 } } } },
      );
      expect(methodOf(pair.client, 'Unary').policy.timeoutMs).toBe(30_000);
      const underWay = pair.client.unary({});
      change({ methods: { [`${SERVICE}/Unary`]: { timeoutMs: 25 } } });
      expect(methodOf(pair.client, 'Unary').sources['timeoutMs']).toBe('file.method');
      expect(await rejection(pair.client.unary({}))).toMatchObject({
        code: Status.DEADLINE_EXCEEDED,
      });
      release.resolve();
      await underWay;
      change({});
      expect(methodOf(pair.client, 'Unary').policy.timeoutMs).toBe(30_000);
      expect(listeners.size).toBeGreaterThan(0);
    }
    expect(listeners.size).toBe(0);
  });

  test('keeps what its mechanisms have learnt', async () => {
    const { source, change } = changingPolicy();
    const breaker = { minCalls: 2, openMs: 60_000, maxOpenMs: 60_000 };
    await using pair = await startPair(
      { unarySafe: unavailable },
      { client: { policy: source, defaults: { retry: false, breaker } } },
    );
    for (let call = 0; call < 2; call++) await rejection(pair.client.unarySafe({}));
    change({ defaults: { timeoutMs: 1_000 } });
    expect(await rejection(pair.client.unarySafe({}))).toBeInstanceOf(CircuitOpenError);
    change({ defaults: { breaker: false } });
    expect(await rejection(pair.client.unarySafe({}))).toMatchObject({ details: 'down' });
  });

  test('reaches the channel that the client owns', async () => {
    const { source, change } = changingPolicy();
    await using pair = await startPair(
      { unarySafe: unavailable },
      {
        client: {
          policy: source,
          ejection: false,
          defaults: { breaker: false, retry: { backoff: { initialMs: 1, maxMs: 1 } } },
        },
      },
    );
    change({ channel: { retryBudget: { ratio: 0, perSecond: 0.1, ttlMs: 1_000 } } });
    for (let call = 0; call < 5; call++) await rejection(pair.client.unarySafe({}));
    expect(methodOf(pair.client, 'UnarySafe').counters.overBudget).toBeGreaterThan(0);
  });
});

describe('policies that make no sense', () => {
  test.each([
    [{ defaults: { retry: { attempts: 0 } } }, 'retry.attempts'],
    [{ methods: { unary: { breaker: { failureRatio: 2 } } } }, 'breaker.failureRatio'],
    [{ methods: { unary: { timeoutMs: -1 } } }, 'timeoutMs'],
    [{ methods: { unary: { retyr: false } } }, 'retyr'],
    [{ balancer: 'random' }, 'balancer'],
    [{ ejection: { maxPercent: 200 } }, 'ejection.maxPercent'],
    [{ hedging: true }, 'hedging'],
  ])('%j is a ConfigError that names the key', async (options, key) => {
    const made = startPair({}, { client: options as never });
    const error = await rejection(made);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(key);
  });

  test('leave no listener behind at a policy source', () => {
    const { source, listeners } = changingPolicy();
    const make = (methods: object) => () =>
      createClient(ShapesServiceDefinition, 'static:///127.0.0.1:1', {
        runtime: testRuntime(),
        policy: source,
        methods,
      });
    expect(make({ unary: { timeoutMs: -1 } })).toThrow(ConfigError);
    expect(make({ unaryy: {} })).toThrow(ConfigError);
    expect(listeners.size).toBe(0);
  });

  test('what is no client has no snapshot', () => {
    expect(() => clientSnapshot({})).toThrow(ConfigError);
  });
});
