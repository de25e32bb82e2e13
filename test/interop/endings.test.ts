import { Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { callShape, isStreamed, SHAPES } from '../compat/call-shape.ts';
import { never } from '../compat/fixtures.ts';
import { deferred, rejection } from '../support/harness.ts';
import { PAIRS } from './pairs.ts';
import type { PeerService } from './stock-server.ts';

type Context = Parameters<PeerService['unary']>[1];

/** Never answers; tells of the call, and of the end of its signal. */
function waiting(arrived: (context: Context) => void, aborted: () => void): Partial<PeerService> {
  const wait = (_request: unknown, context: Context): Promise<never> => {
    arrived(context);
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        aborted();
        reject(context.signal.reason as Error);
      });
    });
  };
  return {
    unary: wait,
    clientStream: wait,
    async *serverStream(request, context) {
      yield await wait(request, context);
    },
    async *bidi(request, context) {
      yield await wait(request, context);
    },
  };
}

describe.each(PAIRS)('$name', (kind) => {
  describe.each(SHAPES)('%s', (shape) => {
    test('a client that cancels ends the handler', async () => {
      const arrived = deferred();
      const aborted = deferred();
      await using pair = await kind.join(waiting(() => arrived.resolve(), aborted.resolve));
      const controller = new AbortController();
      const { signal } = controller;
      const failure = rejection(callShape(pair.client, shape, { signal }));
      await arrived.promise;
      controller.abort();
      // nice-grpc tells a cancellation on its own side in its own way.
      const told =
        kind.client === 'nice-grpc' ? { name: 'AbortError' } : { code: Status.CANCELLED };
      expect(await failure).toMatchObject(told);
      await aborted.promise;
    });
  });

  test.each(SHAPES.filter(isStreamed))(
    '%s: a reader that leaves ends the handler',
    async (shape) => {
      const ended = deferred();
      const endless = async function* (
        _request: unknown,
        { signal }: Context,
      ): AsyncGenerator<object> {
        signal.addEventListener('abort', () => ended.resolve());
        for (let index = 0; !signal.aborted; index++) {
          yield { index };
          await new Promise(setImmediate);
        }
      };
      await using pair = await kind.join({ serverStream: endless, bidi: endless });
      const { client } = pair;
      const stream = shape === 'bidi' ? client.bidi(never()) : client.serverStream({});
      let last: number | undefined;
      for await (const { index } of stream) {
        last = index;
        if (index === 3) break;
      }
      await ended.promise;
      expect(last).toBe(3);
    },
  );

  test.each(SHAPES.filter((shape) => shape === 'clientStream' || shape === 'bidi'))(
    '%s: a request stream that breaks ends the handler',
    async (shape) => {
      const ended = deferred();
      const arrived = deferred();
      await using pair = await kind.join(waiting(() => arrived.resolve(), ended.resolve));
      const broken = async function* (): AsyncGenerator<{ sample: { text: string } }> {
        yield { sample: { text: 'a' } };
        await arrived.promise;
        throw new Error('no more');
      };
      const { client } = pair;
      const call = async (): Promise<unknown> => {
        if (shape === 'clientStream') return client.clientStream(broken());
        for await (const message of client.bidi(broken())) return message;
        return undefined;
      };
      expect(await rejection(call())).toBeInstanceOf(Error);
      await ended.promise;
    },
  );
});

// nice-grpc's client has no deadlines, and its server tells its handlers of none.
describe.each(PAIRS.filter(({ client }) => client !== 'nice-grpc'))('$name', (kind) => {
  test.each(SHAPES)('%s: a deadline ends both sides', async (shape) => {
    const aborted = deferred();
    await using pair = await kind.join(waiting(() => undefined, aborted.resolve));
    const failure = await rejection(callShape(pair.client, shape, { timeoutMs: 300 } as object));
    expect(failure).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await aborted.promise;
  });
});

const TELLING = PAIRS.filter((kind) => kind.client !== 'nice-grpc' && kind.server !== 'nice-grpc');

describe.each(TELLING)('$name', (kind) => {
  test.each([1_000, 60_000, 3_000_000])(
    'a deadline of %i ms arrives as it was sent',
    async (timeoutMs) => {
      const remaining: (number | undefined)[] = [];
      const look = (_request: unknown, context: Context): void => {
        remaining.push(context.remainingMs?.());
      };
      await using pair = await kind.join({
        async unary(request, context) {
          look(request, context);
          return {};
        },
        async clientStream(requests, context) {
          look(requests, context);
          return {};
        },
        async *serverStream(request, context) {
          look(request, context);
          yield {};
        },
        async *bidi(requests, context) {
          look(requests, context);
          yield {};
        },
      });
      for (const shape of SHAPES) await callShape(pair.client, shape, { timeoutMs } as object);
      expect(remaining).toHaveLength(SHAPES.length);
      for (const remainingMs of remaining) {
        expect(remainingMs).toBeLessThanOrEqual(timeoutMs + 1);
        expect(remainingMs).toBeGreaterThan(timeoutMs - 1_000);
      }
    },
  );
});
