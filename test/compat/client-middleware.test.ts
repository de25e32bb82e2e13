import type { ClientMiddleware } from 'nice-grpc-common';
import { ClientError, Metadata, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { rejection } from '../support/harness.ts';
import { CLIENTS } from './both-clients.ts';
import { callShape, isStreamed, pathOf, SHAPES } from './call-shape.ts';
import { again, echoingMetadata, failing, failOnce, mapped, marked } from './fixtures.ts';

type Sampled = { readonly sample?: { readonly text: string } | undefined };

describe.each(CLIENTS)('a middleware in %s', (_name, connect) => {
  describe.each(SHAPES)('%s', (shape) => {
    const path = pathOf(shape);

    test('sees the method, the request and the response, and hands them on', async () => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        seen.push(call.method, call.requestStream, call.responseStream);
        if (!call.requestStream) seen.push((call.request as Sampled).sample?.text);
        if (!call.responseStream) return yield* call.next(call.request, options);
        for await (const message of call.next(call.request, options)) {
          seen.push('message');
          yield message;
        }
        return undefined;
      };
      await using connected = await connect([middleware]);
      const answers = {
        unary: ['a'],
        clientStream: ['b'],
        serverStream: ['a', 'a'],
        bidi: ['a', 'b'],
      };
      expect(await callShape(connected.client, shape)).toEqual(answers[shape]);
      const requestStream = shape === 'clientStream' || shape === 'bidi';
      const responseStream = isStreamed(shape);
      expect(seen).toEqual([
        { path, requestStream, responseStream, options: {} },
        requestStream,
        responseStream,
        ...(requestStream ? [] : ['a']),
        ...(responseStream ? ['message', 'message'] : []),
      ]);
    });

    test('changes metadata, and sees header and trailer before the response ends', async () => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        const metadata = Metadata(options.metadata).set('x-in', 'from the middleware');
        try {
          return yield* call.next(call.request, {
            ...options,
            metadata,
            onHeader(header) {
              seen.push(['header', header.get('x-header')]);
              options.onHeader?.(Metadata(header).set('x-seen', 'yes'));
            },
            onTrailer(trailer) {
              seen.push(['trailer', Buffer.from(trailer.get('x-trailer-bin') ?? '').toString()]);
              options.onTrailer?.(trailer);
            },
          });
        } finally {
          seen.push('over');
        }
      };
      await using connected = await connect([middleware], echoingMetadata);
      const told: unknown[] = [];
      const given = Metadata({ 'x-in': 'from the caller' });
      await callShape(connected.client, shape, {
        metadata: given,
        onHeader: (header) => told.push(header.get('x-header'), header.get('x-seen')),
        onTrailer: (trailer) =>
          told.push(Buffer.from(trailer.get('x-trailer-bin') ?? '').toString()),
      });
      expect(seen).toEqual([
        ['header', 'from the middleware'],
        ['trailer', 'from the middleware'],
        'over',
      ]);
      expect(told).toEqual(['from the middleware', 'yes', 'from the middleware']);
      expect(given.get('x-in')).toBe('from the caller');
    });

    test('changes the request and the response', async () => {
      const middleware: ClientMiddleware = async function* (call, options) {
        const request = call.requestStream
          ? mapped(call.request, 'in')
          : marked(call.request, 'in');
        if (!call.responseStream) return marked(yield* call.next(request, options), 'out');
        yield* mapped(call.next(request, options), 'out');
        return undefined;
      };
      await using connected = await connect([middleware]);
      const texts = await callShape(connected.client, shape);
      for (const text of texts) expect(text).toMatch(/^[ab] in out$/);
    });

    test('throws instead of calling', async () => {
      // oxlint-disable-next-line require-yield -- a middleware is a generator in any case
      const middleware: ClientMiddleware = async function* (call) {
        throw new ClientError(call.method.path, Status.PERMISSION_DENIED, 'not from here');
      };
      await using connected = await connect([middleware]);
      const error = await rejection(callShape(connected.client, shape));
      expect(error).toBeInstanceOf(ClientError);
      expect(error).toMatchObject({
        path,
        code: Status.PERMISSION_DENIED,
        details: 'not from here',
      });
    });

    test('sees a failure as a ClientError and may answer in its place', async () => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        const fallback = { sample: { text: 'instead' }, last: { text: 'instead' } };
        try {
          return yield* call.next(call.request, options);
        } catch (error) {
          seen.push(error instanceof ClientError && [error.path, error.code, error.details]);
          if (!call.responseStream) return fallback as never;
          yield fallback as never;
          return undefined;
        }
      };
      await using connected = await connect([middleware], failing(Status.FAILED_PRECONDITION));
      const expected = isStreamed(shape) ? ['first', 'instead'] : ['instead'];
      expect(await callShape(connected.client, shape)).toEqual(expected);
      expect(seen).toEqual([[path, Status.FAILED_PRECONDITION, 'as told']]);
    });

    test('calls again after a failure', async () => {
      let calls = 0;
      const overrides = failOnce(() => ++calls === 1);
      const middleware: ClientMiddleware = async function* (call, options) {
        try {
          return yield* call.next(again(call), options);
        } catch {
          return yield* call.next(again(call), options);
        }
      };
      await using connected = await connect([middleware], overrides);
      const streams = shape === 'clientStream' || shape === 'bidi';
      expect((await callShape(connected.client, shape)).at(0)).toBe(streams ? 'again' : 'a');
      expect(calls).toBe(2);
    });

    test('is told when it answers in the wrong way', async () => {
      const seen: string[] = [];
      const middleware: ClientMiddleware = async function* (call) {
        try {
          if (call.responseStream) return { index: 0 } as never;
          yield {} as never;
          return {} as never;
        } catch (error) {
          seen.push((error as Error).message);
          throw error;
        }
      };
      await using connected = await connect([middleware]);
      const error = await rejection(callShape(connected.client, shape));
      const kind = { unary: 'unary', clientStream: 'client streaming' }[shape as string];
      const said =
        kind === undefined
          ? /^(?:.*: )?A middleware returned a message, but expected to return void for .* method$/
          : `yielded a message, but expected to only return a message for ${kind} method`;
      expect(isStreamed(shape) ? (error as Error).message : seen[0]).toMatch(said);
    });

    test('runs in order with others, and hands them options', async () => {
      const seen: string[] = [];
      const outer: ClientMiddleware<object, { tag: string }> = async function* (call, options) {
        seen.push('outer');
        try {
          return yield* call.next(call.request, { ...options, tag: 'of outer' });
        } finally {
          seen.push('outer over');
        }
      };
      const inner: ClientMiddleware<{ tag: string }> = async function* (call, options) {
        const { tag, ...rest } = options;
        seen.push(`inner ${tag}`);
        try {
          return yield* call.next(call.request, rest);
        } finally {
          seen.push('inner over');
        }
      };
      await using connected = await connect([outer, inner]);
      await callShape(connected.client, shape);
      expect(seen).toEqual(['outer', 'inner of outer', 'inner over', 'outer over']);
    });
  });
});
