import { describe, expect, test } from 'vitest';

import type { Call, CallStatus, ClientCall, Interceptor, ServerCall } from '../../src/index.ts';
import { ServerError, Status } from '../../src/index.ts';
import type { Pair, PairOptions, ShapesImplementation } from '../support/harness.ts';
import { collect, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';

/** 64 KiB a message: a few of them fill every window and buffer on the way. */
const CHUNK = { text: 'x'.repeat(64 * 1024) };

/** More than all buffers hold (windows of 1 MiB on both ends), less than what would take long. */
const MANY = 400;

/** A call whose server goes away under it. */
async function lose(p: Pair): Promise<unknown> {
  const stream = p.client.bidi(
    (async function* () {
      yield { sample: { text: 'first' } };
      await new Promise(() => undefined);
    })(),
  );
  await stream.next();
  const lost = rejection(stream.next());
  await p.server[Symbol.asyncDispose]();
  return lost;
}

/** Resolves when `value()` has stopped growing: no sleep long enough could prove that. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  while (same < 20) {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return last;
}

describe.each(TRANSPORTS)('streams over %s', (_name, makeTransport) => {
  const pair = (
    implementation: Partial<ShapesImplementation> = {},
    options?: PairOptions,
  ): Promise<Pair> => startPair(implementation, { transport: makeTransport(), ...options });

  test('a client that stops reading stops the server', async () => {
    let sent = 0;
    await using p = await pair({
      async *serverStream() {
        for (; sent < MANY; sent++) yield { index: sent, sample: CHUNK };
      },
    });
    const stream = p.client.serverStream({ count: MANY });
    await stream.next();
    const stopped = await settled(() => sent);
    expect(stopped).toBeLessThan(MANY);
    const rest = await collect(stream);
    expect(rest).toHaveLength(MANY - 1);
  });

  test('a server that stops reading stops the client', async () => {
    let sent = 0;
    const goOn = Promise.withResolvers<void>();
    await using p = await pair({
      async clientStream(requests) {
        let count = 0;
        for await (const _request of requests) {
          if (count++ === 0) await goOn.promise;
        }
        return { count };
      },
    });
    const call = p.client.clientStream(
      (async function* () {
        for (; sent < MANY; sent++) yield { sample: CHUNK };
      })(),
    );
    const stopped = await settled(() => sent);
    expect(stopped).toBeLessThan(MANY);
    goOn.resolve();
    expect(await call).toMatchObject({ count: MANY });
  });

  test('leaving a response stream early ends the handler and its `finally`', async () => {
    const ended = Promise.withResolvers<void>();
    await using p = await pair({
      async *serverStream(_request, { signal }) {
        try {
          for (let index = 0; !signal.aborted; index++) yield { index };
        } finally {
          ended.resolve();
        }
      },
    });
    for await (const { index } of p.client.serverStream({ count: 0 })) if (index === 3) break;
    await expect(ended.promise).resolves.toBeUndefined();
  });

  test('a handler that returns early ends the request stream of the client', async () => {
    const returned = Promise.withResolvers<void>();
    await using p = await pair({
      async clientStream(requests) {
        for await (const { sample } of requests) return { count: 1, last: sample };
        return { count: 0 };
      },
    });
    const response = await p.client.clientStream(
      (async function* () {
        try {
          for (;;) yield { sample: { text: 'first' } };
        } finally {
          returned.resolve();
        }
      })(),
    );
    expect(response).toMatchObject({ count: 1, last: { text: 'first' } });
    await returned.promise;
  });

  test('messages before an error arrive before the error', async () => {
    await using p = await pair({
      async *serverStream() {
        yield { index: 0 };
        yield { index: 1 };
        throw new Error('after its stream began');
      },
    });
    const seen: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const { index } of p.client.serverStream({ count: 2 })) seen.push(index);
      })(),
    );
    expect(error).toMatchObject({ code: Status.UNKNOWN });
    expect(seen).toEqual([0, 1]);
  });

  test('a slow reader loses nothing that arrived before an error', async () => {
    await using p = await pair({
      async *serverStream() {
        for (let index = 0; index < 50; index++) yield { index };
        throw new Error('after fifty');
      },
    });
    const seen: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const { index } of p.client.serverStream({ count: 50 })) {
          seen.push(index);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })(),
    );
    expect(error).toMatchObject({ code: Status.UNKNOWN });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  test('a request stream that throws fails the call with its error as the cause', async () => {
    await using p = await pair();
    const error = await rejection(
      p.client.clientStream(
        (async function* () {
          yield { sample: { text: 'a' } };
          throw new Error('source broke');
        })(),
      ),
    );
    expect(error).toMatchObject({ code: Status.CANCELLED, cause: { message: 'source broke' } });
  });

  test('bidi answers each message before the next is asked for', async () => {
    await using p = await pair();
    const answers: string[] = [];
    let answered = Promise.withResolvers<void>();
    async function* asking(): AsyncGenerator<{ sample: { text: string } }> {
      for (const text of ['one', 'two', 'three']) {
        yield { sample: { text } };
        await answered.promise;
        answered = Promise.withResolvers();
      }
    }
    for await (const { sample } of p.client.bidi(asking())) {
      answers.push(sample?.text ?? '');
      answered.resolve();
    }
    expect(answers).toEqual(['one', 'two', 'three']);
  });

  test('a stream that is never read makes no call', async () => {
    let calls = 0;
    await using p = await pair({
      async *serverStream() {
        calls++;
        yield { index: 0 };
      },
    });
    p.client.serverStream({ count: 1 });
    await p.client.unary({});
    expect(calls).toBe(0);
  });

  test('headers that a handler sends early arrive before its first message', async () => {
    const goOn = Promise.withResolvers<void>();
    await using p = await pair({
      async *serverStream(_request, context) {
        context.header.set('x-early', 'yes');
        context.sendHeader();
        await goOn.promise;
        yield { index: 0 };
      },
    });
    const header = Promise.withResolvers<string | undefined>();
    const stream = p.client.serverStream(
      { count: 1 },
      { onHeader: (received) => header.resolve(received.get('x-early')) },
    );
    const first = stream.next();
    expect(await header.promise).toBe('yes');
    goOn.resolve();
    expect(await first).toMatchObject({ value: { index: 0 } });
    await collect(stream);
  });

  describe('onEnd fires exactly once', () => {
    const endings: readonly [string, Status, (p: Pair) => Promise<unknown>][] = [
      ['success of a unary call', Status.OK, (p) => p.client.unary({})],
      ['success of a client stream', Status.OK, (p) => p.client.clientStream(samples('a'))],
      [
        'success of a server stream',
        Status.OK,
        (p) => collect(p.client.serverStream({ count: 2 })),
      ],
      ['success of bidi', Status.OK, (p) => collect(p.client.bidi(samples('a', 'b')))],
      [
        'early return of a server stream',
        Status.CANCELLED,
        async (p) => {
          for await (const _response of p.client.serverStream({ count: 9 })) break;
        },
      ],
      [
        'a deadline',
        Status.DEADLINE_EXCEEDED,
        (p) => rejection(p.client.unarySafe({}, { timeoutMs: 20 })),
      ],
      [
        'an error of the server',
        Status.UNIMPLEMENTED,
        (p) => rejection(p.client.bidi(samples('fail')).next()),
      ],
      ['the loss of the connection', Status.UNAVAILABLE, lose],
      [
        'a cancel',
        Status.CANCELLED,
        (p) => rejection(p.client.unary({}, { signal: AbortSignal.abort() })),
      ],
    ];
    test.each(endings)('%s', async (_ending, code, run) => {
      const clientEnds: CallStatus[] = [];
      const serverEnds: CallStatus[] = [];
      const calls: unknown[] = [];
      const record =
        <C extends Call>(ends: CallStatus[]): Interceptor<C> =>
        (next) =>
        (call) => {
          calls.push(call);
          call.onEnd((status) => ends.push(status));
          return next(call);
        };
      await using p = await pair(
        {
          unarySafe: () => new Promise<never>(() => undefined),
          async *bidi(requests) {
            for await (const { sample } of requests) {
              if (sample?.text === 'fail') throw new ServerError(Status.UNIMPLEMENTED, 'no');
              yield { sample };
            }
          },
        },
        {
          client: { interceptors: { perCall: [record<ClientCall>(clientEnds)] } },
          server: { interceptors: { outermost: [record<ServerCall>(serverEnds)] } },
        },
      );
      await run(p);
      await expect.poll(() => serverEnds.length).toBe(calls.length - clientEnds.length);
      // A second firing would come in one of the next turns.
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(clientEnds.map((status) => status.code)).toEqual([code]);
      expect(serverEnds).toHaveLength(calls.length - 1);
    });
  });
});

test('shapes cover every method of the contract', () => {
  expect(Object.keys(shapes).toSorted()).toEqual([
    'bidi',
    'clientStream',
    'serverStream',
    'unary',
    'unarySafe',
  ]);
});
