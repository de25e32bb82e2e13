import type { ClientMiddleware } from 'nice-grpc-common';
import { ClientError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { deferred, rejection } from '../support/harness.ts';
import { CLIENTS } from './both-clients.ts';
import { callShape, isStreamed, SHAPES } from './call-shape.ts';
import { never, silent } from './fixtures.ts';

describe.each(CLIENTS)('a middleware in %s', (_name, connect) => {
  describe.each(SHAPES)('%s', (shape) => {
    test('sees a cancellation by the caller as an AbortError', async () => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        try {
          return yield* call.next(call.request, options);
        } catch (error) {
          seen.push((error as Error).name, error instanceof ClientError, options.signal?.aborted);
          throw error;
        }
      };
      const arrived = deferred();
      const aborted = deferred();
      const overrides = silent(arrived.resolve, aborted.resolve);
      await using connected = await connect([middleware], overrides);
      const controller = new AbortController();
      const failure = rejection(callShape(connected.client, shape, { signal: controller.signal }));
      await arrived.promise;
      controller.abort();
      await failure;
      await aborted.promise;
      expect(seen).toEqual(['AbortError', false, true]);
    });

    test('sees the reason of a cancellation where nice-grpc tells it', async () => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        try {
          return yield* call.next(call.request, options);
        } catch (error) {
          seen.push((error as Error).message);
          throw error;
        }
      };
      const arrived = deferred();
      await using connected = await connect(
        [middleware],
        silent(arrived.resolve, () => undefined),
      );
      const controller = new AbortController();
      const failure = rejection(callShape(connected.client, shape, { signal: controller.signal }));
      await arrived.promise;
      controller.abort(new Error('my reason'));
      await failure;
      expect(seen).toEqual([isStreamed(shape) ? 'The operation has been aborted' : 'my reason']);
    });

    test('cancels by a signal of its own', async () => {
      const arrived = deferred();
      const aborted = deferred();
      const middleware: ClientMiddleware = async function* (call, options) {
        const own = new AbortController();
        void arrived.promise.then(() => own.abort());
        try {
          return yield* call.next(call.request, { ...options, signal: own.signal });
        } catch (error) {
          const details = (error as Error).name;
          throw new ClientError(call.method.path, Status.DEADLINE_EXCEEDED, details);
        }
      };
      const overrides = silent(arrived.resolve, aborted.resolve);
      await using connected = await connect([middleware], overrides);
      const error = await rejection(callShape(connected.client, shape));
      expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED, details: 'AbortError' });
      await aborted.promise;
    });
  });

  test.each(['serverStream', 'bidi'] as const)(
    '%s: a caller that leaves ends it',
    async (shape) => {
      const seen: unknown[] = [];
      const middleware: ClientMiddleware = async function* (call, options) {
        try {
          return yield* call.next(call.request, options);
        } finally {
          seen.push('over');
        }
      };
      const ended = deferred();
      const overrides: Partial<ShapesServiceImplementation> = {
        async *serverStream(_request, { signal }) {
          signal.addEventListener('abort', () => ended.resolve());
          for (let index = 0; ; index++) {
            yield { index };
            await new Promise(setImmediate);
          }
        },
        async *bidi(_requests, { signal }) {
          signal.addEventListener('abort', () => ended.resolve());
          for (let index = 0; ; index++) {
            yield { index };
            await new Promise(setImmediate);
          }
        },
      };
      await using connected = await connect([middleware], overrides);
      const stream =
        shape === 'bidi'
          ? connected.client.bidi(never())
          : connected.client.serverStream({ count: 1 });
      for await (const message of stream) {
        expect(message.index).toBe(0);
        break;
      }
      expect(seen).toEqual(['over']);
      await ended.promise;
    },
  );
});
