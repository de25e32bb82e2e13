import type { ServerMiddleware } from 'nice-grpc-common';
import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { fromNiceGrpcServerMiddleware } from '../../src/compat/nice-grpc.ts';
import type { CallContext, Interceptor, RpcError, ServerCall } from '../../src/index.ts';
import { findErrorDetail, StatusError } from '../../src/index.ts';
import { rejection, startPair } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';
import { callShape, pathOf, SHAPES } from './call-shape.ts';

/** Notes what comes up through it. */
function noting(seen: unknown[]): Interceptor<ServerCall> {
  const middleware: ServerMiddleware = async function* (call, context) {
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      seen.push(error instanceof ServerError && [error.code, error.details]);
      throw error;
    }
  };
  return fromNiceGrpcServerMiddleware(middleware);
}

describe.each(SHAPES)('%s through an adapted middleware', (shape) => {
  test('a status of a layer below is a ServerError there, and goes on whole', async () => {
    const seen: unknown[] = [];
    const refusing: Interceptor<ServerCall> = () => async () => {
      const metadata = Metadata({ 'x-why': 'told' });
      const code = Status.RESOURCE_EXHAUSTED;
      throw new StatusError({ code, details: 'too much', metadata });
    };
    const interceptors = { beforeHandler: [noting(seen), refusing] };
    await using pair = await startPair({}, { server: { interceptors } });
    const error = await rejection(callShape(pair.client, shape));
    expect(seen).toEqual([[Status.RESOURCE_EXHAUSTED, 'too much']]);
    expect(error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, details: 'too much' });
    expect((error as RpcError).metadata.get('x-why')).toBe('told');
  });

  test("the handler has inboard's context with what the middleware added", async () => {
    const middleware: ServerMiddleware<{ user: string }> = async function* (call, context) {
      return yield* call.next(call.request, { ...context, user: 'ann' });
    };
    const seen: unknown[] = [];
    const look = (context: CallContext): void => {
      const { user } = context as CallContext & { user?: string };
      seen.push(user, context.method.key, context.connection.secure);
      seen.push(context.remainingMs() <= 60_000, context.identity, context.call.path);
    };
    const interceptors = { beforeHandler: [fromNiceGrpcServerMiddleware(middleware)] };
    await using pair = await startPair(
      {
        async unary(request, context) {
          look(context);
          return shapes.unary(request, context);
        },
        async clientStream(requests, context) {
          look(context);
          return shapes.clientStream(requests, context);
        },
        async *serverStream(request, context) {
          look(context);
          yield* shapes.serverStream(request, context);
        },
        async *bidi(requests, context) {
          look(context);
          yield* shapes.bidi(requests, context);
        },
      },
      { server: { interceptors }, client: { defaults: { timeoutMs: 60_000 } } },
    );
    await callShape(pair.client, shape);
    expect(seen).toEqual(['ann', shape, false, true, undefined, pathOf(shape)]);
  });
});

test('a request that is not valid is a ServerError with its details', async () => {
  const seen: unknown[] = [];
  const invalid = [{ field: 'sample.text', description: 'is too short' }];
  await using pair = await startPair(
    {},
    {
      server: { interceptors: { beforeHandler: [noting(seen)] } },
      service: { validate: { clientStream: ({ sample }) => (sample?.text === '' ? invalid : []) } },
    },
  );
  const error = await rejection(pair.client.clientStream(samples('fine', '')));
  expect(seen).toEqual([[Status.INVALID_ARGUMENT, 'sample.text: is too short']]);
  expect(findErrorDetail(error, 'BadRequest')?.fieldViolations).toMatchObject(invalid);
});
