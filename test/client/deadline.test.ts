import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor } from '../../src/index.ts';
import { Status } from '../../src/index.ts';
import { rejection, startPair, TRANSPORTS } from '../support/harness.ts';

/** A layer that waits for what never comes, and hears of no cancellation. */
const deaf: Interceptor<ClientCall> = () => () => new Promise<never>(() => undefined);

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  test('a layer that never answers holds a call no longer than its deadline', async () => {
    await using p = await startPair(
      {},
      { transport: makeTransport(), client: { interceptors: { perCall: [deaf] } } },
    );
    expect(await rejection(p.client.unary({}, { timeoutMs: 40 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
    const stream = p.client.serverStream({ count: 1 }, { timeoutMs: 40 });
    expect(await rejection(stream.next())).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  });

  test('a layer that throws before it returns a promise fails the call', async () => {
    const broken: Interceptor<ClientCall> = () => () => {
      throw new Error('thrown in the layer');
    };
    await using p = await startPair(
      {},
      { transport: makeTransport(), client: { interceptors: { perAttempt: [broken] } } },
    );
    const failure = { code: Status.UNKNOWN, details: 'thrown in the layer' };
    expect(await rejection(p.client.unary({}))).toMatchObject(failure);
    expect(await rejection(p.client.serverStream({ count: 1 }).next())).toMatchObject(failure);
  });

  test('the timeout of a call, of a method and of all methods, the nearest counts', async () => {
    const seen: number[] = [];
    await using p = await startPair(
      {
        async unary(_request, context) {
          seen.push(context.remainingMs());
          return {};
        },
        async unarySafe(_request, context) {
          seen.push(context.remainingMs());
          return {};
        },
        async *serverStream(_request, context) {
          seen.push(context.remainingMs());
          yield {};
        },
      },
      {
        transport: makeTransport(),
        client: { defaults: { timeoutMs: 9_000 }, methods: { unarySafe: { timeoutMs: 5_000 } } },
      },
    );
    await p.client.unary({});
    await p.client.unarySafe({});
    await p.client.unarySafe({}, { timeoutMs: 2_000 });
    await p.client.unarySafe({}, { timeoutMs: Number.POSITIVE_INFINITY });
    expect(seen.map((ms) => Math.ceil(ms / 1_000))).toEqual([9, 5, 2, Number.POSITIVE_INFINITY]);
  });

  test('by default a unary call has 15 s, and a stream has no end', async () => {
    const seen: number[] = [];
    await using p = await startPair(
      {
        async unary(_request, context) {
          seen.push(context.remainingMs());
          return {};
        },
        async *serverStream(_request, context) {
          seen.push(context.remainingMs());
          yield {};
        },
      },
      { transport: makeTransport() },
    );
    await p.client.unary({});
    await p.client.serverStream({}).next();
    expect(seen.map((ms) => Math.ceil(ms / 1_000))).toEqual([15, Number.POSITIVE_INFINITY]);
  });
});
