import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, MethodPolicy } from '../../src/index.ts';
import { clientSnapshot, createClient, RpcError, ServerError, Status } from '../../src/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { PeerService } from '../interop/stock-server.ts';
import { stockServer } from '../interop/stock-server.ts';
import type { PairOptions } from '../support/harness.ts';
import { collect, deferred, rejection, startPair, testRuntime } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';

/** No waits between attempts, and nothing that ends them early. */
const AT_ONCE: MethodPolicy = { retry: { backoff: { initialMs: 1, maxMs: 1 } }, breaker: false };
const IDEMPOTENT: MethodPolicy = { ...AT_ONCE, idempotent: true };

type Layers = NonNullable<NonNullable<PairOptions['client']>['interceptors']>;

function options(defaults: MethodPolicy = AT_ONCE, interceptors: Layers = {}): PairOptions {
  return { client: { defaults, interceptors, ejection: false } };
}

function stateOf(client: object, name: string) {
  const found = clientSnapshot(client).find(({ path }) => path.endsWith(`/${name}`));
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

const unavailable = (): Error => new ServerError(Status.UNAVAILABLE, 'not now');

describe('what a server says is no sign that it has not seen the call', () => {
  const cases = [
    'Stream refused by server',
    'No connection established. Last error: ECONNREFUSED. Resolution note:',
  ].flatMap((details) => [true, false].map((header) => ({ details, header })));

  test.each(cases)('$details (headers first: $header)', async ({ details, header }) => {
    let calls = 0;
    await using pair = await startPair(
      {
        async unary(_request, context) {
          calls++;
          if (header) context.sendHeader();
          throw new ServerError(Status.UNAVAILABLE, details);
        },
      },
      options(),
    );
    expect(await rejection(pair.client.unary({}))).toMatchObject({ details, processed: 'unknown' });
    expect(calls).toBe(1);
  });

  test.each(cases)('$details, of grpc-js (headers first: $header)', async (given) => {
    const { details, header } = given;
    let calls = 0;
    const server = await stockServer({
      ...(shapes as PeerService),
      async unary(_request, context) {
        calls++;
        if (header) context.sendHeader();
        throw new ServerError(Status.UNAVAILABLE, details);
      },
    });
    const target = `static:///127.0.0.1:${server.port}`;
    const told = { runtime: testRuntime(), defaults: AT_ONCE };
    const client = createClient(ShapesServiceDefinition, target, told);
    try {
      expect(await rejection(client.unary({}))).toMatchObject({ details, processed: 'unknown' });
      expect(calls).toBe(1);
    } finally {
      await client[Symbol.asyncDispose]();
      server.stop();
    }
  });
});

describe('a request stream that is sent again', () => {
  test('loses nothing where the server speaks first', async () => {
    let calls = 0;
    const got: string[] = [];
    await using pair = await startPair(
      {
        async *bidi(requests, context) {
          calls++;
          if (calls === 1) throw unavailable();
          context.sendHeader();
          for await (const { sample } of requests) {
            got.push(sample?.text ?? '');
            yield { index: 0, sample };
          }
        },
      },
      options(IDEMPOTENT),
    );
    const committed = deferred();
    // Both attempts wait for the first message when the call commits to the second of them.
    async function* held(): ReturnType<typeof samples> {
      await committed.promise;
      yield* samples('a', 'b');
    }
    const shown = { onHeader: () => committed.resolve() };
    const responses = await collect(pair.client.bidi(held(), { ...shown, timeoutMs: 3_000 }));
    expect(responses).toHaveLength(2);
    expect(got).toEqual(['a', 'b']);
    expect(calls).toBe(2);
  });

  test('is sent whole where a layer sends an attempt twice', async () => {
    const refused = deferred();
    let refusals = 0;
    const again: Interceptor<ClientCall> = (next) => async (call) => {
      try {
        return await next(call);
      } catch (error) {
        if ((error as RpcError).code !== Status.UNAUTHENTICATED) throw error;
        refusals++;
        refused.resolve();
        return next(call);
      }
    };
    await using pair = await startPair(
      {
        async clientStream(requests) {
          let count = 0;
          for await (const _request of requests) {
            count++;
            if (refusals === 0) throw new ServerError(Status.UNAUTHENTICATED, 'an old token');
          }
          return { count };
        },
      },
      options(AT_ONCE, { perAttempt: [again] }),
    );
    async function* held(): ReturnType<typeof samples> {
      yield* samples('a');
      await refused.promise;
      yield* samples('b', 'c');
    }
    await expect(pair.client.clientStream(held())).resolves.toMatchObject({ count: 3 });
    expect(refusals).toBe(1);
  });

  test.each(['small', 'of more than 1 MiB'])('%s: once and in order', async (size) => {
    const padding = 'x'.repeat(size === 'small' ? 1 : 300_000);
    const texts = Array.from({ length: 6 }, (_none, index) => `${index}${padding}`);
    const got: (string | undefined)[] = [];
    let headers = 0;
    await using pair = await startPair(
      {
        async clientStream(requests) {
          for await (const { sample } of requests) got.push(sample?.text);
          return { count: got.length };
        },
      },
      options(),
    );
    await pair.client.clientStream(samples(...texts), { onHeader: () => headers++ });
    expect(got.map((text) => text?.[0])).toEqual(['0', '1', '2', '3', '4', '5']);
    // The caller is shown the headers, also of an attempt that was committed to before.
    expect(headers).toBe(1);
  });

  test('is not where one of its messages cannot be encoded', async () => {
    await using pair = await startPair({}, options(IDEMPOTENT));
    async function* poisoned(): AsyncGenerator<{ sample: { text: string } }> {
      yield {
        sample: {
          get text(): string {
            throw new Error('poison');
          },
        },
      };
    }
    const error = (await rejection(pair.client.clientStream(poisoned()))) as RpcError;
    expect(error.message).toContain('poison');
    expect(stateOf(pair.client, 'ClientStream').counters.attempts).toBe(1);
  });
});

describe('taps of the call see each request message once', () => {
  function tapping(tapped: unknown[]): Interceptor<ClientCall> {
    return (next) => (call) => {
      call.onRequestMessage((message) => {
        tapped.push((message as { sample?: { text: string } }).sample?.text);
      });
      return next(call);
    };
  }

  test('also where the first attempt sent nothing', async () => {
    const tapped: unknown[] = [];
    const refuse: Interceptor<ClientCall> = (next) => (call) => {
      if (call.attempt > 0) return next(call);
      const status = { code: Status.UNAVAILABLE, details: 'not yet', processed: 'no' } as const;
      return Promise.reject(new RpcError(call.method.path, status));
    };
    const layers = { perCall: [tapping(tapped)], perAttempt: [refuse] };
    await using pair = await startPair({}, options(AT_ONCE, layers));
    await pair.client.unarySafe({ sample: { text: 'a' } });
    expect(tapped).toEqual(['a']);
    expect(stateOf(pair.client, 'UnarySafe').counters.attempts).toBe(2);
  });

  test('also where the first attempt sent a part', async () => {
    const tapped: unknown[] = [];
    let calls = 0;
    await using pair = await startPair(
      {
        async clientStream(requests) {
          calls++;
          let count = 0;
          for await (const _request of requests)
            if (++count === 2 && calls === 1) throw unavailable();
          return { count };
        },
      },
      options(IDEMPOTENT, { perCall: [tapping(tapped)] }),
    );
    const response = await pair.client.clientStream(samples('a', 'b', 'c'));
    expect(response.count).toBe(3);
    expect(calls).toBe(2);
    expect(tapped).toEqual(['a', 'b', 'c']);
  });
});

test('every attempt runs in the asynchronous context of its caller', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const look: Interceptor<ClientCall> = (next) => (call) => {
    seen.push(storage.getStore());
    return next(call);
  };
  let calls = 0;
  await using pair = await startPair(
    {
      async unarySafe() {
        if (++calls < 3) throw unavailable();
        return {};
      },
    },
    options(
      { breaker: false, retry: { backoff: { initialMs: 5, maxMs: 5, jitter: 0 } } },
      { perAttempt: [look] },
    ),
  );
  await storage.run('mine', () => pair.client.unarySafe({}));
  expect(seen).toEqual(['mine', 'mine', 'mine']);
});

describe('responses that a layer has made anew', () => {
  const ONE: MethodPolicy = { ...AT_ONCE, bulkhead: { limit: 1 } };

  /** A layer of streamed responses only. */
  function answering(answer: (stream: AsyncIterable<unknown>) => unknown): Interceptor<ClientCall> {
    return (next, method) => {
      if (!method.responseStream) return next;
      return async (call) => answer((await next(call)) as AsyncIterable<unknown>);
    };
  }

  async function* passedOn(stream: AsyncIterable<unknown>): AsyncGenerator {
    yield* stream;
  }

  async function* leftBadly(stream: AsyncIterable<unknown>): AsyncGenerator {
    try {
      yield* stream;
    } finally {
      // oxlint-disable-next-line no-unsafe-finally
      throw new Error('cannot be left');
    }
  }

  test.each([
    ['a list', [{ index: 0 }]],
    ['nothing', undefined],
    ['null', null],
  ])('%s is no stream: the call fails, and nothing is left of it', async (_what, wrong) => {
    const layer = answering(() => wrong);
    await using pair = await startPair({}, options(ONE, { perAttempt: [layer] }));
    const error = await rejection(collect(pair.client.serverStream({ count: 1 })));
    expect(error).toMatchObject({ code: Status.INTERNAL });
    expect((error as RpcError).details).toContain('no async iterable');
    expect(stateOf(pair.client, 'ServerStream').bulkhead?.inUse).toBe(0);
  });

  test.each([
    ['not made anew', {}],
    ['made anew for each call', { perCall: [answering(passedOn)] }],
    ['made anew for each attempt', { perAttempt: [answering(passedOn)] }],
  ])('%s: cancelled and not read on, the call ends', async (_what, layers: Layers) => {
    await using pair = await startPair(
      {
        async *serverStream(_request, { signal }) {
          yield { index: 0 };
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      },
      options(ONE, layers),
    );
    const controller = new AbortController();
    const stream = pair.client.serverStream({ count: 1 }, { signal: controller.signal });
    await stream.next();
    expect(stateOf(pair.client, 'ServerStream').bulkhead?.inUse).toBe(1);
    controller.abort();
    await expect.poll(() => stateOf(pair.client, 'ServerStream').bulkhead?.inUse === 0).toBe(true);
    // Had the call not ended, this one would be refused.
    await expect(
      collect(pair.client.serverStream({ count: 0 }, { timeoutMs: 400 })),
    ).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
  });

  test.each([
    ['each call', { perCall: [answering(leftBadly)] }],
    ['each attempt', { perAttempt: [answering(leftBadly)] }],
  ])('for %s, and one that throws as it is left: the call ends', async (_what, layers: Layers) => {
    await using pair = await startPair({}, options(ONE, layers));
    const stream = pair.client.serverStream({ count: 5 });
    await stream.next();
    expect(stateOf(pair.client, 'ServerStream').bulkhead?.inUse).toBe(1);
    expect(await rejection(Promise.resolve(stream[Symbol.asyncDispose]()))).toMatchObject({
      message: 'cannot be left',
    });
    expect(stateOf(pair.client, 'ServerStream').bulkhead?.inUse).toBe(0);
  });
});
