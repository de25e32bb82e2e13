import type { CallContext, ServerMiddleware } from 'nice-grpc-common';
import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { SERVERS } from './both-servers.ts';
import { callShape, isStreamed, pathOf, SHAPES } from './call-shape.ts';
import { mapped, marked } from './fixtures.ts';

interface WithUser {
  readonly user?: string;
}

/** The shapes, each running `before` with its context first. */
function withHook(
  before: (context: CallContext & WithUser) => void,
): ShapesServiceImplementation<WithUser> {
  return {
    async unary(request, context) {
      before(context);
      return shapes.unary(request, context as never);
    },
    async unarySafe(request, context) {
      before(context);
      return shapes.unarySafe(request, context as never);
    },
    async clientStream(requests, context) {
      before(context);
      return shapes.clientStream(requests, context as never);
    },
    async *serverStream(request, context) {
      before(context);
      yield* shapes.serverStream(request, context as never);
    },
    async *bidi(requests, context) {
      before(context);
      yield* shapes.bidi(requests, context as never);
    },
  };
}

const plain = withHook(() => undefined);

// nice-grpc warns of every error that is no ServerError, and these tests throw some.
beforeAll(() => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

describe.each(SERVERS)('a middleware in %s', (_name, serve) => {
  describe.each(SHAPES)('%s', (shape) => {
    const path = pathOf(shape);

    test('sees the method and the context, and hands the call on', async () => {
      const seen: unknown[] = [];
      const middleware: ServerMiddleware = async function* (call, context) {
        seen.push(call.method, call.requestStream, call.responseStream);
        seen.push(context.metadata.get('x-in'), context.peer.startsWith('127.0.0.1:'));
        seen.push(context.signal.aborted);
        return yield* call.next(call.request, context);
      };
      await using served = await serve(plain, [middleware]);
      const answers = {
        unary: ['a'],
        clientStream: ['b'],
        serverStream: ['a', 'a'],
        bidi: ['a', 'b'],
      };
      const metadata = Metadata({ 'x-in': 'here' });
      expect(await callShape(served.client, shape, { metadata })).toEqual(answers[shape]);
      const requestStream = shape === 'clientStream' || shape === 'bidi';
      const method = { path, requestStream, responseStream: isStreamed(shape), options: {} };
      expect(seen).toEqual([method, requestStream, isStreamed(shape), 'here', true, false]);
    });

    test('adds to the context and changes its metadata for the handler', async () => {
      const seen: unknown[] = [];
      const implementation = withHook(({ user, metadata }) => {
        seen.push(user, metadata.get('x-in'), metadata.get('x-added'));
      });
      const middleware: ServerMiddleware<WithUser> = async function* (call, context) {
        const metadata = Metadata(context.metadata).set('x-added', 'too');
        return yield* call.next(call.request, { ...context, metadata, user: 'ann' });
      };
      await using served = await serve(implementation, [middleware]);
      await callShape(served.client, shape, { metadata: Metadata({ 'x-in': 'here' }) });
      expect(seen).toEqual(['ann', 'here', 'too']);
    });

    test('hands what it adds to the next middleware, in order', async () => {
      const seen: unknown[] = [];
      const first: ServerMiddleware<WithUser> = async function* (call, context) {
        seen.push('first');
        return yield* call.next(call.request, { ...context, user: 'ann' });
      };
      const second: ServerMiddleware<object, WithUser> = async function* (call, context) {
        seen.push(`second ${context.user}`);
        return yield* call.next(call.request, { ...context, user: `${context.user} and bob` });
      };
      const implementation = withHook(({ user }) => seen.push(user));
      const middlewares = [first, second] as readonly unknown[] as ServerMiddleware[];
      await using served = await serve(implementation, middlewares);
      await callShape(served.client, shape);
      expect(seen).toEqual(['first', 'second ann', 'ann and bob']);
    });

    test('sets header and trailer, beside the handler', async () => {
      const middleware: ServerMiddleware = async function* (call, context) {
        context.header.set('x-middleware', 'header');
        try {
          return yield* call.next(call.request, context);
        } finally {
          context.trailer.set('x-middleware-bin', Buffer.from('trailer'));
        }
      };
      const implementation = withHook((context) => {
        const { header, trailer } = context;
        header.set('x-handler', 'header');
        trailer.set('x-handler', 'trailer');
        context.sendHeader();
        header.set('x-late', 'lost');
      });
      await using served = await serve(implementation, [middleware]);
      const told: unknown[] = [];
      await callShape(served.client, shape, {
        onHeader: (header) => {
          told.push(header.get('x-middleware'), header.get('x-handler'), header.get('x-late'));
        },
        onTrailer: (trailer) => {
          told.push(Buffer.from(trailer.get('x-middleware-bin') ?? '').toString());
          told.push(trailer.get('x-handler'));
        },
      });
      expect(told).toEqual(['header', 'header', undefined, 'trailer', 'trailer']);
    });

    test('changes the request and the response', async () => {
      const middleware: ServerMiddleware = async function* (call, context) {
        const request = call.requestStream
          ? mapped(call.request, 'in')
          : marked(call.request, 'in');
        if (!call.responseStream) return marked(yield* call.next(request, context), 'out');
        yield* mapped(call.next(request, context), 'out');
        return undefined;
      };
      await using served = await serve(plain, [middleware]);
      const texts = await callShape(served.client, shape);
      for (const text of texts) expect(text).toMatch(/^[ab] in out$/);
    });

    test('refuses before the handler runs', async () => {
      let ran = false;
      const implementation = withHook(() => {
        ran = true;
      });
      // oxlint-disable-next-line require-yield -- a middleware is a generator in any case
      const middleware: ServerMiddleware = async function* () {
        throw new ServerError(Status.PERMISSION_DENIED, 'not here');
      };
      await using served = await serve(implementation, [middleware]);
      const error = await rejection(callShape(served.client, shape));
      expect(error).toMatchObject({ code: Status.PERMISSION_DENIED, details: 'not here' });
      expect(ran).toBe(false);
    });

    test('sees what the handler throws, and may throw something else', async () => {
      const thrown = new ServerError(Status.NOT_FOUND, 'no such thing');
      const seen: unknown[] = [];
      const implementation = withHook(() => {
        throw thrown;
      });
      const middleware: ServerMiddleware = async function* (call, context) {
        try {
          return yield* call.next(call.request, context);
        } catch (error) {
          seen.push(error);
          throw new ServerError(Status.FAILED_PRECONDITION, 'translated');
        }
      };
      await using served = await serve(implementation, [middleware]);
      const error = await rejection(callShape(served.client, shape));
      expect(error).toMatchObject({ code: Status.FAILED_PRECONDITION, details: 'translated' });
      expect(seen).toEqual([thrown]);
    });

    test('may answer in place of a handler that failed, also by calling it again', async () => {
      let calls = 0;
      const implementation = withHook(() => {
        calls++;
        if (calls === 1) throw new Error('the first time');
      });
      const middleware: ServerMiddleware = async function* (call, context) {
        try {
          return yield* call.next(call.request, context);
        } catch {
          return yield* call.next(call.request, context);
        }
      };
      await using served = await serve(implementation, [middleware]);
      expect((await callShape(served.client, shape)).at(-1)).toBe(
        shape === 'unary' || shape === 'serverStream' ? 'a' : 'b',
      );
      expect(calls).toBe(2);
    });

    test('sends CANCELLED for an AbortError of its own', async () => {
      // oxlint-disable-next-line require-yield -- a middleware is a generator in any case
      const middleware: ServerMiddleware = async function* () {
        throw new DOMException('mine', 'AbortError');
      };
      await using served = await serve(plain, [middleware]);
      const error = await rejection(callShape(served.client, shape));
      const details = 'The operation was cancelled';
      expect(error).toMatchObject({ code: Status.CANCELLED, details });
    });

    test('is told when it answers or calls in the wrong way', async () => {
      const seen: string[] = [];
      const middleware: ServerMiddleware = async function* (call, context) {
        try {
          const wrong = call.requestStream ? ({} as never) : (none() as never);
          return yield* call.next(wrong, context);
        } catch (error) {
          seen.push((error as Error).message);
          if (!call.responseStream) return undefined;
          return {} as never;
        }
      };
      await using served = await serve(plain, [middleware]);
      const error = await rejection(callShape(served.client, shape));
      expect(error).toMatchObject({ code: Status.UNKNOWN });
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatch(/^A middleware passed invalid request to next\(\): expected a/);
    });
  });
});

async function* none(): AsyncGenerator<never> {}
