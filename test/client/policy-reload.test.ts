import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, MethodPolicy } from '../../src/index.ts';
import { CircuitOpenError, clientSnapshot, ServerError, Status } from '../../src/index.ts';
import { inMemoryTransport } from '../../src/testing/index.ts';
import type { Pair, ShapesImplementation } from '../support/harness.ts';
import { rejection, startPair } from '../support/harness.ts';
import { changingPolicy } from './changing-policy.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';

/** A client with one layer, which notes what it is bound to and may refuse to be. */
async function startBound(
  defaults: MethodPolicy = {},
  handlers: Partial<ShapesImplementation> = {},
) {
  const bound: string[] = [];
  const ran: number[] = [];
  const refuse = { key: '' };
  let bindings = 0;
  const layer: Interceptor<ClientCall> = (next, method) => {
    if (method.key === refuse.key) throw new Error(`cannot be bound to ${method.key}`);
    bound.push(method.key);
    const binding = ++bindings;
    return (call) => {
      ran.push(binding);
      return next(call);
    };
  };
  const { source, change } = changingPolicy();
  const pair = await startPair(handlers, {
    transport: inMemoryTransport(),
    client: { policy: source, defaults, interceptors: { perCall: [layer] } },
  });
  return { pair, change, bound, ran, refuse };
}

function timeouts({ client }: Pair): Record<string, number> {
  const entries = clientSnapshot(client).map(({ path, policy }) => [
    path.slice(path.lastIndexOf('/') + 1),
    policy.timeoutMs,
  ]);
  return Object.fromEntries(entries) as Record<string, number>;
}

describe('layers and a policy that changes', () => {
  test('only methods whose policy changes are bound anew', async () => {
    const { pair, change, bound } = await startBound();
    await using _pair = pair;
    const all = [...bound].toSorted();
    expect(all).toEqual(['bidi', 'clientStream', 'serverStream', 'unary', 'unarySafe']);
    bound.length = 0;
    change({ methods: { [`${SERVICE}/Unary`]: { timeoutMs: 1_000 } } });
    expect(bound).toEqual(['unary']);
    bound.length = 0;
    // Says the same in other words.
    change({ methods: { [`${SERVICE}/Unary`]: { timeoutMs: 1_000 } }, defaults: {} });
    expect(bound).toEqual([]);
    change({ defaults: { timeoutMs: 2_000 } });
    expect(bound.toSorted()).toEqual(all);
  });

  test.each(['unary', 'clientStream', 'bidi'])(
    'one that cannot be bound to %s leaves every method as it was',
    async (key) => {
      const { pair, change, ran, refuse } = await startBound();
      await using _pair = pair;
      const before = timeouts(pair);
      await pair.client.unarySafe({});
      refuse.key = key;
      expect(() => change({ defaults: { timeoutMs: 1_234 } })).toThrow(`cannot be bound to ${key}`);
      expect(timeouts(pair)).toEqual(before);
      await pair.client.unarySafe({});
      // The very layers that it had.
      expect(ran).toEqual([ran[0], ran[0]]);
    },
  );

  test('what was learnt is not lost with a change that is taken back', async () => {
    const breaker = { minCalls: 2, openMs: 60_000, maxOpenMs: 60_000 };
    const unary = async (): Promise<never> => {
      throw new ServerError(Status.UNAVAILABLE, 'down');
    };
    const { pair, change, refuse } = await startBound({ breaker, retry: false }, { unary });
    await using _pair = pair;
    for (let call = 0; call < 2; call++) await rejection(pair.client.unary({}));
    refuse.key = 'bidi';
    expect(() => change({ defaults: { breaker: false } })).toThrow('cannot be bound');
    const state = clientSnapshot(pair.client).find(({ path }) => path.endsWith('/Unary'));
    expect(state?.breaker?.state).toBe('open');
    expect(await rejection(pair.client.unary({}))).toBeInstanceOf(CircuitOpenError);
  });

  test('a later policy that can be bound holds', async () => {
    const { pair, change, refuse } = await startBound();
    await using _pair = pair;
    refuse.key = 'clientStream';
    expect(() => change({ defaults: { timeoutMs: 1_234 } })).toThrow('cannot be bound');
    refuse.key = '';
    change({ defaults: { timeoutMs: 1_234 } });
    expect(new Set(Object.values(timeouts(pair)))).toEqual(new Set([1_234]));
  });
});
