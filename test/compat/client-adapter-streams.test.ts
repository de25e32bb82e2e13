import type { ClientMiddleware } from 'nice-grpc-common';
import { Status } from 'nice-grpc-common';
import { expect, test } from 'vitest';

import { fromNiceGrpcClientMiddleware } from '../../src/compat/nice-grpc.ts';
import type { ClientCall, Interceptor } from '../../src/index.ts';
import { collect, deferred, rejection, startPair } from '../support/harness.ts';
import { isStreamed, SHAPES } from './call-shape.ts';
import { never, silent } from './fixtures.ts';

const passThrough: ClientMiddleware = async function* (call, options) {
  return yield* call.next(call.request, options);
};

test('a streamed response is there with its headers, before any message', async () => {
  const opened = deferred();
  const above: Interceptor<ClientCall> = (next) => async (call) => {
    const payload = await next(call);
    expect(call.responseHeader.get('x-early')).toBe('yes');
    opened.resolve();
    return payload;
  };
  const perCall = [above, fromNiceGrpcClientMiddleware(passThrough)];
  await using pair = await startPair(
    {
      async *serverStream(_request, context) {
        context.header.set('x-early', 'yes');
        context.sendHeader();
        // Would wait for ever, if the layer above were only let on by the first message.
        await opened.promise;
        yield { index: 7 };
      },
    },
    { client: { interceptors: { perCall } } },
  );
  expect(await collect(pair.client.serverStream({}))).toMatchObject([{ index: 7 }]);
});

test.each(['before', 'after'] as const)(
  'a reader that leaves while it reads, %s the first message, ends the call at once',
  async (when) => {
    const arrived = deferred();
    const aborted = deferred();
    const perCall = [fromNiceGrpcClientMiddleware(passThrough)];
    const handlers = silent(arrived.resolve, aborted.resolve);
    const overrides: typeof handlers = {
      async *bidi(requests, context) {
        if (when === 'after') yield { index: 1 };
        yield* handlers.bidi?.(requests, context) as AsyncIterable<object>;
      },
    };
    await using pair = await startPair(overrides, { client: { interceptors: { perCall } } });
    const stream = pair.client.bidi(never());
    if (when === 'after') await stream.next();
    const reading = rejection(stream.next());
    await arrived.promise;
    await stream.return?.();
    expect(await reading).toMatchObject({ code: Status.CANCELLED });
    await aborted.promise;
  },
);

test('a layer that leaves the stream while it reads ends the call at once', async () => {
  const arrived = deferred();
  const aborted = deferred();
  const left = deferred<unknown>();
  const leaving: Interceptor<ClientCall> = (next) => async (call) => {
    const stream = (await next(call)) as AsyncIterableIterator<unknown>;
    const reading = rejection(stream.next());
    await arrived.promise;
    await stream.return?.();
    left.resolve(await reading);
    return (async function* () {})();
  };
  const perCall = [leaving, fromNiceGrpcClientMiddleware(passThrough)];
  const handlers = silent(arrived.resolve, aborted.resolve);
  const overrides: typeof handlers = {
    async *bidi(requests, context) {
      context.sendHeader();
      yield* handlers.bidi?.(requests, context) as AsyncIterable<object>;
    },
  };
  await using pair = await startPair(overrides, { client: { interceptors: { perCall } } });
  expect(await collect(pair.client.bidi(never()))).toEqual([]);
  expect(await left.promise).toMatchObject({ code: Status.CANCELLED });
  await aborted.promise;
});

test('a middleware that leaves a stream ends that call, and goes on by itself', async () => {
  const leaving: ClientMiddleware = async function* (call, options) {
    if (!call.responseStream) return yield* call.next(call.request, options);
    for await (const message of call.next(call.request, options)) {
      yield message;
      break;
    }
    seen.push('left');
    yield { index: 99 } as never;
    return undefined;
  };
  const seen: unknown[] = [];
  const below: Interceptor<ClientCall> = (next) => (call) => {
    call.onEnd(({ code }) => seen.push(code));
    return next(call);
  };
  const perCall = [fromNiceGrpcClientMiddleware(leaving), below];
  await using pair = await startPair({}, { client: { interceptors: { perCall } } });
  const messages = await collect(pair.client.serverStream({ count: 5 }));
  expect(messages.map(({ index }) => index)).toEqual([0, 99]);
  expect(seen).toEqual([Status.CANCELLED, 'left']);
});

test.each(SHAPES.filter(isStreamed))(
  '%s: each end of the reader ends the call once',
  async (shape) => {
    const ends: number[] = [];
    const above: Interceptor<ClientCall> = (next) => (call) => {
      call.onEnd(({ code }) => ends.push(code));
      return next(call);
    };
    const perCall = [above, fromNiceGrpcClientMiddleware(passThrough)];
    await using pair = await startPair({}, { client: { interceptors: { perCall } } });
    const { client } = pair;
    const open = (): AsyncIterable<unknown> =>
      shape === 'bidi' ? client.bidi(never()) : client.serverStream({ count: 3 });
    for await (const _ of open()) break;
    expect(ends).toEqual([Status.CANCELLED]);
  },
);
