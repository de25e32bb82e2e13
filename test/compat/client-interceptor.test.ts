import { createChannel, createClientFactory } from 'nice-grpc';
import { ClientError, Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { ShapesServiceClient } from '../../generated/inboard/testing/v1/shapes.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { toNiceGrpcClientMiddleware } from '../../src/compat/nice-grpc.ts';
import type { Interceptor } from '../../src/index.ts';
import { ClientCall, createRuntime, RpcError } from '../../src/index.ts';
import { deferred, rejection, startPair } from '../support/harness.ts';
import type { ShapesImplementation } from '../support/harness.ts';
import { callShape, isStreamed, SHAPES } from './call-shape.ts';
import { failOnce, silent } from './fixtures.ts';

const runtime = createRuntime();

/** A client of nice-grpc with one interceptor, and an inboard server that it calls. */
async function connect(
  interceptor: Interceptor<ClientCall>,
  overrides: Partial<ShapesImplementation> = {},
): Promise<AsyncDisposable & { readonly client: ShapesServiceClient }> {
  const pair = await startPair(overrides);
  const channel = createChannel(`127.0.0.1:${pair.port}`);
  const middleware = toNiceGrpcClientMiddleware(interceptor, { runtime });
  return {
    client: createClientFactory().use(middleware).create(ShapesServiceDefinition, channel),
    async [Symbol.asyncDispose]() {
      channel.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}

describe.each(SHAPES)('an interceptor around a %s call of nice-grpc', (shape) => {
  test('is bound once, and sees each call with its messages, headers and end', async () => {
    const bound: string[] = [];
    const seen: unknown[] = [];
    const interceptor: Interceptor<ClientCall> = (next, method) => {
      bound.push(`${method.key}: ${method.shape} of ${method.service}`);
      return async (call) => {
        let messages = 0;
        call.onRequestMessage(() => messages++);
        call.onResponseMessage(() => messages++);
        call.headers.set('x-in', 'added');
        call.onEnd(({ code }) => {
          seen.push(
            code,
            messages,
            call.responseHeader.get('x-h'),
            call.responseTrailer.get('x-t'),
          );
        });
        return next(call);
      };
    };
    const echo = (context: { metadata: Metadata; header: Metadata; trailer: Metadata }): void => {
      context.header.set('x-h', `header ${context.metadata.get('x-in')}`);
      context.trailer.set('x-t', `trailer ${context.metadata.get('x-in')}`);
    };
    const overrides: Partial<ShapesImplementation> = {
      async unary({ sample }, context) {
        echo(context);
        return { sample };
      },
      async clientStream(requests, context) {
        echo(context);
        let count = 0;
        for await (const _ of requests) count++;
        return { count };
      },
      async *serverStream({ count }, context) {
        echo(context);
        for (let index = 0; index < count; index++) yield { index };
      },
      async *bidi(requests, context) {
        echo(context);
        for await (const { sample } of requests) yield { sample };
      },
    };
    await using connected = await connect(interceptor, overrides);
    const metadata = Metadata({ 'x-own': 'kept' });
    await callShape(connected.client, shape, { metadata });
    await callShape(connected.client, shape, { metadata });
    const name = shape.replace(/Stream$/, '_stream').replace(/^bidi$/, 'bidi_stream');
    expect(bound).toEqual([`${shape}: ${name} of inboard.testing.v1.ShapesService`]);
    const count = { unary: 2, clientStream: 3, serverStream: 3, bidi: 4 }[shape];
    const once = [Status.OK, count, 'header added', 'trailer added'];
    expect(seen).toEqual([...once, ...once]);
    expect(metadata.has('x-in')).toBe(false);
  });

  test('makes calls of its own, as a retry does', async () => {
    let calls = 0;
    const retrying: Interceptor<ClientCall> = (next) => async (call) => {
      const attempt = (): ClientCall => {
        const request = call.method.requestStream ? one() : call.request;
        return new ClientCall(call.method, call.runtime, request);
      };
      const run = async (): Promise<unknown> => {
        const made = attempt();
        try {
          const payload = await next(made);
          call.onEnd((status) => made.end(status));
          return payload;
        } catch (error) {
          made.end({ code: Status.UNKNOWN, details: '' });
          throw error;
        }
      };
      return run().catch(run);
    };
    const overrides = failOnce(() => ++calls === 1) as Partial<ShapesImplementation>;
    await using connected = await connect(retrying, overrides);
    expect((await callShape(connected.client, shape)).length).toBeGreaterThan(0);
    expect(calls).toBe(2);
  });

  test('refuses a call with what nice-grpc takes for its own error', async () => {
    let arrived = 0;
    const refusing: Interceptor<ClientCall> = () => async (call) => {
      const details = 'not from here';
      throw new RpcError(call.method.path, { code: Status.PERMISSION_DENIED, details });
    };
    const overrides = failOnce(() => ++arrived > 0) as Partial<ShapesImplementation>;
    await using connected = await connect(refusing, overrides);
    const error = await rejection(callShape(connected.client, shape));
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: Status.PERMISSION_DENIED, details: 'not from here' });
    expect(arrived).toBe(0);
  });

  test('is told of a cancellation by the caller, who gets an AbortError', async () => {
    const ends: unknown[] = [];
    const watching: Interceptor<ClientCall> = (next) => (call) => {
      call.onEnd(({ code }) => ends.push(code));
      return next(call);
    };
    const arrived = deferred();
    const aborted = deferred();
    await using connected = await connect(watching, silent(arrived.resolve, aborted.resolve));
    const controller = new AbortController();
    const { signal } = controller;
    const failure = rejection(callShape(connected.client, shape, { signal }));
    await arrived.promise;
    controller.abort();
    expect(await failure).toMatchObject({ name: 'AbortError' });
    expect(ends).toEqual([Status.CANCELLED]);
    await aborted.promise;
  });

  test('sets a deadline that the server is told, and ends the call at it', async () => {
    const { clock } = runtime;
    const bounding: Interceptor<ClientCall> = (next) => (call) => {
      call.deadline = clock.now() + 400;
      // Well before the server, which is told of the deadline, can end the call by itself.
      const timer = clock.setTimer(call.deadline - 200, () => {
        call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
      });
      call.onEnd(() => timer.clear());
      return next(call);
    };
    let remainingMs = Number.POSITIVE_INFINITY;
    const told = (context: { remainingMs(): number }): void => {
      remainingMs = context.remainingMs();
    };
    const handlers = silent(
      () => undefined,
      () => undefined,
    );
    const overrides = Object.fromEntries(
      Object.entries(handlers).map(([key, handler]) => [
        key,
        (request: never, context: never) => {
          told(context);
          return handler(request, context);
        },
      ]),
    );
    await using connected = await connect(bounding, overrides);
    const error = await rejection(callShape(connected.client, shape));
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
    expect(remainingMs).toBeLessThanOrEqual(400);
  });
});

test.each(SHAPES.filter(isStreamed))(
  '%s: a caller that leaves ends the call once',
  async (shape) => {
    const ends: unknown[] = [];
    const watching: Interceptor<ClientCall> = (next) => (call) => {
      call.onEnd(({ code }) => ends.push(code));
      return next(call);
    };
    await using connected = await connect(watching);
    const { client } = connected;
    for await (const _ of shape === 'bidi'
      ? client.bidi(one())
      : client.serverStream({ count: 3 })) {
      break;
    }
    expect(ends).toEqual([Status.CANCELLED]);
  },
);

test('an interceptor may start its call as late as the response is read', async () => {
  const late: Interceptor<ClientCall> = (next) => async (call) =>
    (async function* () {
      yield* (await next(call)) as AsyncIterable<unknown>;
    })();
  await using connected = await connect(late);
  expect(await callShape(connected.client, 'serverStream')).toEqual(['a', 'a']);
});

test('a failure of the server is an RpcError with its trailers there', async () => {
  const seen: unknown[] = [];
  const watching: Interceptor<ClientCall> = (next) => (call) =>
    next(call).catch((error: unknown) => {
      seen.push(error instanceof RpcError && [error.code, error.metadata.get('x-t')]);
      throw error;
    });
  await using connected = await connect(watching, {
    async unary(_request, context) {
      context.trailer.set('x-t', 'told');
      throw new ServerError(Status.ABORTED, 'no');
    },
  });
  await rejection(connected.client.unary({}));
  expect(seen).toEqual([[Status.ABORTED, 'told']]);
});

async function* one(): AsyncGenerator<{ sample: { text: string } }> {
  yield { sample: { text: 'a' } };
}
