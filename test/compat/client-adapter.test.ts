import type { ClientMiddleware } from 'nice-grpc-common';
import { ClientError, Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { fromNiceGrpcClientMiddleware } from '../../src/compat/nice-grpc.ts';
import type { CallStatus, ClientCall, Interceptor } from '../../src/index.ts';
import { callKey, errorDetails, RichServerError, RpcError } from '../../src/index.ts';
import { deferred, rejection, startPair } from '../support/harness.ts';
import { callShape, SHAPES } from './call-shape.ts';
import { failing, silent } from './fixtures.ts';

const passThrough: ClientMiddleware = async function* (call, options) {
  return yield* call.next(call.request, options);
};

/** Calls twice whatever comes of the first; only for requests that can be sent twice. */
const twice: ClientMiddleware = async function* (call, options) {
  try {
    return yield* call.next(call.request, options);
  } catch {
    return yield* call.next(call.request, options);
  }
};

describe.each(SHAPES)('%s through an adapted middleware', (shape) => {
  test('a call past its deadline is a ClientError there, and cancelled at the server', async () => {
    const seen: unknown[] = [];
    const middleware: ClientMiddleware = async function* (call, options) {
      try {
        return yield* call.next(call.request, options);
      } catch (error) {
        seen.push(error instanceof ClientError && error.code);
        throw error;
      }
    };
    const aborted = deferred();
    await using pair = await startPair(
      silent(() => undefined, aborted.resolve),
      {
        client: {
          interceptors: { perCall: [fromNiceGrpcClientMiddleware(middleware)] },
          defaults: { timeoutMs: 400 },
        },
      },
    );
    const error = await rejection(callShape(pair.client, shape));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(seen).toEqual([Status.DEADLINE_EXCEEDED]);
    await aborted.promise;
  });

  test('the layers around it see one call that ends once, with its taps and keys', async () => {
    const key = callKey<string>('colour', 'none');
    const above: string[] = [];
    const below: string[] = [];
    const deadlines: number[] = [];
    const ends: Promise<CallStatus>[] = [];
    const outer: Interceptor<ClientCall> = (next) => (call) => {
      call.set(key, 'red');
      deadlines.push(call.deadline);
      call.onRequestMessage(() => above.push('request'));
      call.onResponseMessage(() => above.push('response'));
      ends.push(new Promise((resolve) => call.onEnd(resolve)));
      return next(call);
    };
    const inner: Interceptor<ClientCall> = (next) => (call) => {
      below.push(call.get(key));
      call.set(key, 'blue');
      below.push(call.get(key));
      deadlines.push(call.deadline);
      ends.push(new Promise((resolve) => call.onEnd(resolve)));
      return next(call);
    };
    const perCall = [outer, fromNiceGrpcClientMiddleware(passThrough), inner];
    const client = { interceptors: { perCall }, defaults: { timeoutMs: 60_000 } };
    await using pair = await startPair({}, { client });
    const answers = await callShape(pair.client, shape);
    expect(deadlines).toEqual([deadlines[0], deadlines[0]]);
    expect(deadlines[0]).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(below).toEqual(['red', 'blue']);
    expect(above.filter((what) => what === 'response')).toHaveLength(answers.length);
    const sent = shape === 'clientStream' || shape === 'bidi' ? 2 : 1;
    expect(above.filter((what) => what === 'request')).toHaveLength(sent);
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual([Status.OK, Status.OK]);
  });

  test('a failure that it turns into its own keeps the trailers and tells its cause', async () => {
    class OwnError extends ClientError {}
    const middleware: ClientMiddleware = async function* (call, options) {
      try {
        return yield* call.next(call.request, options);
      } catch {
        throw new OwnError(call.method.path, Status.ABORTED, 'in other words');
      }
    };
    const details = [{ type: 'ErrorInfo', value: { reason: 'TOLD' } }] as const;
    const fail = (): never => {
      throw new RichServerError(Status.INVALID_ARGUMENT, 'no', details);
    };
    const handlers = {
      unary: async () => fail(),
      clientStream: async () => fail(),
      async *serverStream() {
        yield fail();
      },
      async *bidi() {
        yield fail();
      },
    };
    const perCall = [fromNiceGrpcClientMiddleware(middleware)];
    await using pair = await startPair(handlers, { client: { interceptors: { perCall } } });
    const error = await rejection(callShape(pair.client, shape));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: Status.ABORTED, details: 'in other words' });
    expect((error as Error).cause).toBeInstanceOf(OwnError);
    expect(errorDetails(error)).toMatchObject([{ type: 'ErrorInfo', value: { reason: 'TOLD' } }]);
  });

  test('an AbortError of its own is CANCELLED for the caller, what else UNKNOWN', async () => {
    for (const [thrown, code] of [
      [new DOMException('mine', 'AbortError'), Status.CANCELLED],
      [new TypeError('broken'), Status.UNKNOWN],
    ] as const) {
      // oxlint-disable-next-line require-yield -- a middleware is a generator in any case
      const middleware: ClientMiddleware = async function* () {
        throw thrown;
      };
      const perCall = [fromNiceGrpcClientMiddleware(middleware)];
      await using pair = await startPair({}, { client: { interceptors: { perCall } } });
      const error = await rejection(callShape(pair.client, shape));
      expect(error).toMatchObject({ code, cause: thrown });
    }
  });
});

test('what the layers below add to one attempt is not on the next one', async () => {
  const seen: unknown[] = [];
  const adding: Interceptor<ClientCall> = (next) => (call) => {
    seen.push(call.headers.getAll('x-added'));
    call.headers.append('x-added', 'once');
    return next(call);
  };
  const perAttempt = [fromNiceGrpcClientMiddleware(twice), adding];
  await using pair = await startPair(failing(Status.UNAVAILABLE), {
    client: { interceptors: { perAttempt } },
  });
  const metadata = Metadata({ 'x-own': 'kept' });
  await rejection(pair.client.unary({}, { metadata }));
  expect(seen).toEqual([[], []]);
  expect(metadata.has('x-added')).toBe(false);
});

test("options beyond nice-grpc's come from the adapter, for all or by method", async () => {
  const seen: unknown[] = [];
  const middleware: ClientMiddleware<{ tag: string }> = async function* (call, { tag, ...rest }) {
    seen.push(tag);
    return yield* call.next(call.request, rest);
  };
  const perCall = [
    fromNiceGrpcClientMiddleware(middleware, { tag: 'always' }),
    fromNiceGrpcClientMiddleware(middleware, ({ name }) => ({ tag: `for ${name}` })),
  ];
  await using pair = await startPair({}, { client: { interceptors: { perCall } } });
  await pair.client.unary({});
  await pair.client.unarySafe({});
  expect(seen).toEqual(['always', 'for Unary', 'always', 'for UnarySafe']);
});

test('layers above are told what came though the middleware hands nothing on', async () => {
  const deaf: ClientMiddleware = async function* (call, { metadata, signal }) {
    return yield* call.next(call.request, {
      ...(metadata && { metadata }),
      ...(signal && { signal }),
    });
  };
  const seen: unknown[] = [];
  const above: Interceptor<ClientCall> = (next) => async (call) => {
    call.onEnd(() => seen.push(call.responseHeader.get('x-h'), call.responseTrailer.get('x-t')));
    return next(call);
  };
  const perCall = [above, fromNiceGrpcClientMiddleware(deaf)];
  await using pair = await startPair(
    {
      async unary(_request, context) {
        context.header.set('x-h', 'header');
        context.sendHeader();
        context.trailer.set('x-t', 'trailer');
        throw new ServerError(Status.ABORTED, 'no');
      },
    },
    { client: { interceptors: { perCall } } },
  );
  await rejection(pair.client.unary({}));
  expect(seen).toEqual(['header', 'trailer']);
});
