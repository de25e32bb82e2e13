import { describe, expect, test } from 'vitest';

import { Metadata, RpcError, ServerError, Status } from '../../src/index.ts';
import type { Pair, PairOptions, ShapesClient, ShapesImplementation } from '../support/harness.ts';
import { collect, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';

type Shape = 'unary' | 'clientStream' | 'serverStream' | 'bidi';
type Options = Parameters<ShapesClient['unary']>[1];

const SHAPES: readonly Shape[] = ['unary', 'clientStream', 'serverStream', 'bidi'];

/** Calls one shape with one message and gives back the texts that came, as one list. */
async function callShape(client: ShapesClient, shape: Shape, options?: Options): Promise<string[]> {
  const sample = { text: 'a' };
  switch (shape) {
    case 'unary':
      return [(await client.unary({ sample }, options)).sample?.text ?? ''];
    case 'clientStream':
      return [(await client.clientStream(samples('a'), options)).last?.text ?? ''];
    case 'serverStream':
      return (await collect(client.serverStream({ sample, count: 1 }, options))).map(
        (response) => response.sample?.text ?? '',
      );
    case 'bidi':
      return (await collect(client.bidi(samples('a'), options))).map(
        (response) => response.sample?.text ?? '',
      );
    default:
      return shape satisfies never;
  }
}

/** Every handler runs `before` first. */
function withHook(before: (context: never) => void | Promise<void>): ShapesImplementation {
  return {
    ...shapes,
    async unary(request, context) {
      await before(context as never);
      return shapes.unary(request, context);
    },
    async clientStream(requests, context) {
      await before(context as never);
      return shapes.clientStream(requests, context);
    },
    async *serverStream(request, context) {
      await before(context as never);
      yield* shapes.serverStream(request, context);
    },
    async *bidi(requests, context) {
      await before(context as never);
      yield* shapes.bidi(requests, context);
    },
  };
}

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const pair = (implementation?: ShapesImplementation, options?: PairOptions): Promise<Pair> =>
    startPair(implementation, { transport: makeTransport(), ...options });

  describe.each(SHAPES)('%s', (shape) => {
    test('carries a message there and back', async () => {
      await using p = await pair();
      expect(await callShape(p.client, shape)).toEqual(['a']);
    });

    test('carries metadata, headers and trailers, text and bytes', async () => {
      const seen: unknown[] = [];
      await using p = await pair(
        withHook((context: { metadata: Metadata; header: Metadata; trailer: Metadata }) => {
          seen.push(context.metadata.get('x-text'), context.metadata.get('x-bytes-bin'));
          context.header.set('x-header', 'h');
          context.trailer.set('x-trailer-bin', new Uint8Array([0, 255]));
        }),
      );
      let header: Metadata | undefined;
      let trailer: Metadata | undefined;
      const metadata = Metadata({ 'x-text': 't', 'x-bytes-bin': new Uint8Array([1, 2]) });
      await callShape(p.client, shape, {
        metadata,
        onHeader: (received) => {
          header = received;
        },
        onTrailer: (received) => {
          trailer = received;
        },
      });
      expect(seen[0]).toBe('t');
      expect(Array.from(seen[1] as Uint8Array)).toEqual([1, 2]);
      expect(header?.get('x-header')).toBe('h');
      expect(Array.from(trailer?.get('x-trailer-bin') ?? [])).toEqual([0, 255]);
    });

    test('a ServerError keeps its code and its text, whatever its characters', async () => {
      await using p = await pair(
        withHook(() => {
          throw new ServerError(Status.ALREADY_EXISTS, '100 % größer – ✓\nnew line');
        }),
      );
      const error = await rejection(callShape(p.client, shape));
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({
        code: Status.ALREADY_EXISTS,
        details: '100 % größer – ✓\nnew line',
      });
    });

    test('anything else becomes UNKNOWN with an id, and only the log knows more', async () => {
      await using p = await pair(
        withHook(() => {
          throw new Error('secret of the server');
        }),
      );
      const error = (await rejection(callShape(p.client, shape))) as RpcError;
      expect(error.code).toBe(Status.UNKNOWN);
      expect(error.details).not.toContain('secret');
      const [entry] = p.log;
      expect(entry?.message).toBe('a handler failed');
      expect(error.details).toContain(String(entry?.fields['errorId']));
    });

    test('a deadline ends the call on both sides', async () => {
      const aborted = Promise.withResolvers<string>();
      await using p = await pair(
        withHook(async ({ signal }: { signal: AbortSignal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          aborted.resolve((signal.reason as Error).name);
        }),
      );
      const error = await rejection(callShape(p.client, shape, { timeoutMs: 250 }));
      expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
      expect(await aborted.promise).toMatch(/TimeoutError|AbortError/);
    });

    test('a cancelled call ends on both sides', async () => {
      const started = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      await using p = await pair(
        withHook(async ({ signal }: { signal: AbortSignal }) => {
          started.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          aborted.resolve();
        }),
      );
      const controller = new AbortController();
      const call = rejection(callShape(p.client, shape, { signal: controller.signal }));
      await started.promise;
      controller.abort(new Error('changed my mind'));
      expect(await call).toMatchObject({
        code: Status.CANCELLED,
        cause: { message: 'changed my mind' },
      });
      await aborted.promise;
    });

    test('a signal that is aborted already sends nothing', async () => {
      let calls = 0;
      await using p = await pair(
        withHook(() => {
          calls++;
        }),
      );
      const error = await rejection(callShape(p.client, shape, { signal: AbortSignal.abort() }));
      expect(error).toMatchObject({ code: Status.CANCELLED, processed: 'no' });
      expect(calls).toBe(0);
    });
  });
});
