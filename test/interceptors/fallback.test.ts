import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { ConfigError, RejectedError, RpcError } from '../../src/core/errors.ts';
import type { Handler, Interceptor } from '../../src/core/interceptor.ts';
import type { CallStatus } from '../../src/core/status.ts';
import { Status } from '../../src/core/status.ts';
import type { Fallback } from '../../src/interceptors/fallback.ts';
import { fallback } from '../../src/interceptors/fallback.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { collect, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest } from './layer-call.ts';

const AWAY: CallStatus = { code: Status.UNAVAILABLE, details: 'away' };

function failing(failure: unknown): Handler<ClientCall> {
  return () => Promise.reject(failure);
}

function make(answer: Fallback | undefined, innermost: Handler<ClientCall>) {
  const runtime = testRuntime();
  const layer = fallback(() => answer);
  return { runtime, layer: new LayerUnderTest(runtime, layer, innermost) };
}

describe('fallback', () => {
  test('answers in place of a failure, knowing it and the request', async () => {
    const seen: unknown[] = [];
    const failure = new RpcError('/test.Shop/Buy', AWAY);
    const { layer } = make((error, request) => {
      seen.push(error, request);
      return { from: 'the cache' };
    }, failing(failure));
    const request = { id: 7 };
    expect(await layer.run(layer.call(request))).toEqual({ from: 'the cache' });
    expect(seen).toEqual([failure, request]);
  });

  test('is not asked when the call succeeds', async () => {
    const { layer } = make(
      () => 'fallback',
      () => Promise.resolve('answer'),
    );
    expect(await layer.run(layer.call())).toBe('answer');
  });

  test('costs nothing where a method has none', async () => {
    const next: Handler<ClientCall> = () => Promise.resolve('answer');
    const { layer } = make(undefined, next);
    expect(fallback(() => undefined)(next, layer.call().method)).toBe(next);
  });

  test('answers what other layers refused, and what is thrown instead of rejected', async () => {
    const rejected = new RejectedError('/test.Shop/Buy', 'circuit_open', AWAY);
    const { layer } = make((error) => (error === rejected ? 'known' : 'other'), failing(rejected));
    expect(await layer.run(layer.call())).toBe('known');
    const thrown = make(
      (error) => error.code,
      () => {
        throw new Error('thrown');
      },
    );
    expect(await thrown.layer.run(thrown.layer.call())).toBe(Status.UNKNOWN);
  });

  test('the failure stays as it was where the hook throws, and the log has both', async () => {
    const failure = new RpcError('/test.Shop/Buy', AWAY);
    const broken = new Error('the cache is empty');
    const { layer, runtime } = make(() => {
      throw broken;
    }, failing(failure));
    expect(await rejection(layer.run(layer.call()))).toBe(failure);
    expect(runtime.logger.entries).toEqual([
      {
        level: 'error',
        fields: { err: broken, method: '/test.Shop/Buy' },
        message: 'a fallback threw',
      },
    ]);
    const late = make(() => Promise.reject(broken), failing(failure));
    expect(await rejection(late.layer.run(late.layer.call()))).toBe(failure);
  });

  test('is not asked when the caller cancelled, nor for a mistake in the program', async () => {
    let asked = 0;
    const hook = (): string => {
      asked++;
      return 'fallback';
    };
    const cancelled: CallStatus = { code: Status.CANCELLED, details: 'left' };
    const failure = new RpcError('/test.Shop/Buy', cancelled);
    const { layer } = make(hook, failing(failure));
    const call = layer.call();
    call.cancel(cancelled);
    expect(await rejection(layer.run(call))).toBe(failure);
    // A server that cancels is another matter.
    expect(await layer.run(layer.call())).toBe('fallback');
    const mistake = new ConfigError('wrong');
    const wrong = make(hook, failing(mistake));
    expect(await rejection(wrong.layer.run(wrong.layer.call()))).toBe(mistake);
    expect(asked).toBe(1);
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const options = (answer: Fallback) => {
    const layer: Interceptor<ClientCall> = fallback(() => answer);
    return { transport: makeTransport(), client: { interceptors: { perCall: [layer] } } };
  };

  test('an expired deadline is answered, if the answer is there', async () => {
    const server = { unary: () => new Promise<never>(() => undefined) };
    await using p = await startPair(
      server,
      options(async () => ({ sample: { text: 'cached' } })),
    );
    const { sample } = await p.client.unary({}, { timeoutMs: 30 });
    expect(sample?.text).toBe('cached');
  });

  test('it is answered in time also where a layer below never answers', async () => {
    const deaf: Interceptor<ClientCall> = () => () => new Promise<never>(() => undefined);
    const answer: Fallback = (error) => ({ sample: { text: Status[error.code] } });
    const layers = (...perCall: Interceptor<ClientCall>[]) => ({
      transport: makeTransport(),
      client: { interceptors: { perCall } },
    });
    await using p = await startPair(
      {},
      layers(
        fallback(() => answer),
        deaf,
      ),
    );
    const { sample } = await p.client.unary({}, { timeoutMs: 30 });
    expect(sample?.text).toBe('DEADLINE_EXCEEDED');
    await using without = await startPair({}, layers(deaf));
    expect(await rejection(without.client.unary({}, { timeoutMs: 30 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
  });

  test('a call that a layer above has answered by itself asks for no fallback', async () => {
    let asked = 0;
    const answer: Fallback = () => {
      asked++;
      return {};
    };
    const impatient: Interceptor<ClientCall> = (next) => (call) => {
      void next(call).catch(() => undefined);
      return Promise.resolve({ sample: { text: 'at once' } });
    };
    const perCall = [impatient, fallback(() => answer)];
    const server = { unary: () => new Promise<never>(() => undefined) };
    await using p = await startPair(server, {
      transport: makeTransport(),
      client: { interceptors: { perCall } },
    });
    expect((await p.client.unary({})).sample?.text).toBe('at once');
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(0);
  });

  test('an answer that takes its time does not hold the caller beyond the deadline', async () => {
    const server = { unary: () => new Promise<never>(() => undefined) };
    await using p = await startPair(
      server,
      options(() => new Promise<never>(() => undefined)),
    );
    expect(await rejection(p.client.unary({}, { timeoutMs: 30 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
  });

  test('a streamed response is answered until it has begun', async () => {
    const server = {
      async *serverStream({ count }: { count: number }) {
        if (count > 0) yield { index: 0 };
        throw new Error('broken');
      },
    };
    const answer: Fallback = async function* cached() {
      yield { index: 41 };
      yield { index: 42 };
    };
    await using p = await startPair(server, options(answer));
    const answered = await collect(p.client.serverStream({ count: 0 }));
    expect(answered.map(({ index }) => index)).toEqual([41, 42]);
    const begun = p.client.serverStream({ count: 1 });
    expect((await begun.next()).value).toMatchObject({ index: 0 });
    expect(await rejection(begun.next())).toMatchObject({ code: Status.UNKNOWN });
  });
});
