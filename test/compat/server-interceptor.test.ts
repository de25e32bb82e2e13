import { createServer as createNiceServer } from 'nice-grpc';
import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { InboardContext } from '../../src/compat/nice-grpc.ts';
import { toNiceGrpcServerMiddleware } from '../../src/compat/nice-grpc.ts';
import type { Interceptor, ServerCall } from '../../src/index.ts';
import {
  callKey,
  createClient,
  createRuntime,
  findErrorDetail,
  RichServerError,
} from '../../src/index.ts';
import type { ShapesClient } from '../support/harness.ts';
import { deferred, rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { callShape, pathOf, SHAPES } from './call-shape.ts';
import { silent } from './fixtures.ts';

const runtime = createRuntime();

/** A server of nice-grpc with one interceptor, and an inboard client of it. */
async function serve(
  interceptor: Interceptor<ServerCall>,
  overrides: Partial<ShapesServiceImplementation<InboardContext>> = {},
): Promise<AsyncDisposable & { readonly client: ShapesClient }> {
  const server = createNiceServer().use(toNiceGrpcServerMiddleware(interceptor, { runtime }));
  const handlers = shapes as unknown as ShapesServiceImplementation<InboardContext>;
  server.add(ShapesServiceDefinition, { ...handlers, ...overrides });
  const port = await server.listen('127.0.0.1:0');
  const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`);
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      server.forceShutdown();
    },
  };
}

describe.each(SHAPES)('an interceptor around a %s handler of nice-grpc', (shape) => {
  test('is bound once, and sees each call with its messages, headers and end', async () => {
    const bound: string[] = [];
    const seen: unknown[] = [];
    const ended = [deferred(), deferred()];
    const interceptor: Interceptor<ServerCall> = (next, method) => {
      bound.push(method.path);
      return (call) => {
        let messages = 0;
        call.onRequestMessage(() => messages++);
        call.onResponseMessage(() => messages++);
        call.responseHeader.set('x-h', `header ${call.headers.get('x-in')}`);
        call.responseTrailer.set('x-t', 'trailer');
        call.onEnd(({ code }) => {
          seen.push(code, messages, call.peer.address.startsWith('127.0.0.1'));
          ended.shift()?.resolve();
        });
        return next(call);
      };
    };
    await using served = await serve(interceptor);
    const both = Promise.all(ended.map(({ promise }) => promise));
    const told: unknown[] = [];
    for (const turn of ['one', 'two']) {
      await callShape(served.client, shape, {
        metadata: Metadata({ 'x-in': turn }),
        onHeader: (header) => told.push(header.get('x-h')),
        onTrailer: (trailer) => told.push(trailer.get('x-t')),
      });
    }
    await both;
    expect(bound).toEqual([pathOf(shape)]);
    const count = { unary: 2, clientStream: 3, serverStream: 3, bidi: 4 }[shape];
    expect(seen).toEqual([Status.OK, count, true, Status.OK, count, true]);
    expect(told).toEqual(['header one', 'trailer', 'header two', 'trailer']);
  });

  test('refuses with a status and typed details', async () => {
    const refusing: Interceptor<ServerCall> = () => async () => {
      const details = [{ type: 'ErrorInfo', value: { reason: 'CLOSED' } }] as const;
      throw new RichServerError(Status.PERMISSION_DENIED, 'closed', details);
    };
    await using served = await serve(refusing);
    const error = await rejection(callShape(served.client, shape));
    expect(error).toMatchObject({ code: Status.PERMISSION_DENIED, details: 'closed' });
    expect(findErrorDetail(error, 'ErrorInfo')?.reason).toBe('CLOSED');
  });

  test('gives the handler its keys, its signal and the ambient context', async () => {
    const key = callKey<string>('colour', 'none');
    const arrived = deferred();
    const aborted = deferred();
    const interceptor: Interceptor<ServerCall> = (next) => (call) => {
      call.set(key, 'red');
      void arrived.promise.then(() => call.cancel({ code: Status.ABORTED, details: 'enough' }));
      return runtime.ambient.run({ call, propagated: [] }, () => next(call));
    };
    const seen: unknown[] = [];
    const waiting = silent(arrived.resolve, aborted.resolve);
    const handlers = Object.fromEntries(
      Object.entries(waiting).map(([name, handler]) => {
        const look = (request: never, context: InboardContext): unknown => {
          seen.push(context.call.get(key), context.method.key, context.remainingMs());
          seen.push(runtime.ambient.current()?.call === context.call);
          return handler(request, context as never);
        };
        return [name, look];
      }),
    );
    await using served = await serve(interceptor, handlers);
    await rejection(callShape(served.client, shape));
    await aborted.promise;
    expect(seen).toEqual(['red', shape, Number.POSITIVE_INFINITY, true]);
  });

  test('sees what the handler throws and the end by a client that leaves', async () => {
    const ends: unknown[] = [];
    const over = deferred();
    const arrived = deferred();
    const interceptor: Interceptor<ServerCall> = (next) => (call) => {
      call.onEnd(({ code }) => {
        ends.push(code);
        over.resolve();
      });
      return next(call);
    };
    await using served = await serve(
      interceptor,
      silent(arrived.resolve, () => undefined),
    );
    const controller = new AbortController();
    const failure = rejection(callShape(served.client, shape, { signal: controller.signal }));
    await arrived.promise;
    controller.abort();
    await failure;
    await over.promise;
    expect(ends).toEqual([Status.CANCELLED]);
  });
});

test('an interceptor may translate a failure of the handler', async () => {
  const translating: Interceptor<ServerCall> = (next) => (call) =>
    next(call).catch((error: unknown) => {
      throw new ServerError(Status.UNAVAILABLE, `was ${(error as ServerError).details}`);
    });
  await using served = await serve(translating, {
    async unary() {
      throw new ServerError(Status.INTERNAL, 'broken');
    },
  });
  const error = await rejection(served.client.unary({}));
  expect(error).toMatchObject({ code: Status.UNAVAILABLE, details: 'was broken' });
});
