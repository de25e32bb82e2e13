import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, MethodPolicy, RpcError } from '../../src/index.ts';
import { clientSnapshot, ServerError, Status } from '../../src/index.ts';
import { inMemoryTransport, testRuntime as manualRuntime } from '../../src/testing/index.ts';
import type { PairOptions, ShapesImplementation } from '../support/harness.ts';
import { collect, deferred, rejection, startPair } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';

const HEDGED: MethodPolicy = {
  idempotent: true,
  retry: { backoff: { initialMs: 1, maxMs: 1 } },
  breaker: false,
  hedge: { delayMs: 20, extra: 1 },
};

/** A pair in memory, whose time stands still. */
async function startStill(
  handlers: Partial<ShapesImplementation>,
  defaults: MethodPolicy = HEDGED,
  client: PairOptions['client'] = {},
) {
  const runtime = manualRuntime();
  const pair = await startPair(handlers, {
    client: { defaults, ejection: false, ...client },
    transport: inMemoryTransport(),
    runtime: { ...runtime, log: runtime.logger.entries },
  });
  const advance = async (ms: number): Promise<void> => {
    await settled();
    runtime.clock.advance(ms);
    await settled();
  };
  return { ...pair, advance };
}

/** Lets everything go on that waits for no clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

/** Handlers whose attempts, by number, each end when the test says so. */
function held() {
  const seen = { calls: 0, aborted: [] as number[] };
  const ends = Array.from({ length: 4 }, () => deferred());
  const hold = async (signal: AbortSignal): Promise<number> => {
    const number = ++seen.calls;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        seen.aborted.push(number);
        resolve();
      });
    });
    await Promise.race([ends[number - 1]?.promise, aborted]);
    return number;
  };
  const handlers: Partial<ShapesImplementation> = {
    async unarySafe(_request, { signal }) {
      return { sample: { text: `attempt ${await hold(signal)}` } };
    },
    async unary(_request, { signal }) {
      return { sample: { text: `attempt ${await hold(signal)}` } };
    },
  };
  const answer = (number: number): void => ends[number - 1]?.resolve();
  const fail = (number: number): void => {
    ends[number - 1]?.reject(new ServerError(Status.UNAVAILABLE, `refusal ${number}`));
  };
  return { seen, handlers, hold, answer, fail };
}

const attempt = (number: number) => ({ sample: { text: `attempt ${number}` } });

function countersOf(client: object, name = 'UnarySafe') {
  return clientSnapshot(client).find(({ path }) => path.endsWith(`/${name}`))?.counters;
}

describe('further attempts while the first is open', () => {
  test('the second overtakes a slow first, which is cancelled', async () => {
    const { seen, handlers, answer } = held();
    await using pair = await startStill(handlers);
    const call = pair.client.unarySafe({});
    await pair.advance(19);
    expect(seen.calls).toBe(1);
    await pair.advance(1);
    expect(seen.calls).toBe(2);
    answer(2);
    await expect(call).resolves.toMatchObject(attempt(2));
    await settled();
    expect(seen.aborted).toEqual([1]);
  });

  test.each([1, 2])('`extra` is how many at most: %i', async (extra) => {
    const { seen, handlers, answer } = held();
    await using pair = await startStill(handlers, { ...HEDGED, hedge: { delayMs: 20, extra } });
    const call = pair.client.unarySafe({});
    for (let wait = 0; wait < 10; wait++) await pair.advance(20);
    expect(seen.calls).toBe(1 + extra);
    answer(1);
    await expect(call).resolves.toMatchObject(attempt(1));
    expect(countersOf(pair.client)).toMatchObject({ attempts: 1 + extra, hedges: extra });
  });

  test('a method that may not run twice has none', async () => {
    const { seen, handlers, answer } = held();
    await using pair = await startStill(handlers, { ...HEDGED, idempotent: false });
    const call = pair.client.unary({});
    await pair.advance(1_000);
    expect(seen.calls).toBe(1);
    answer(1);
    await call;
  });

  test('while there is too little to tell the 95th percentile, there is none', async () => {
    const { seen, handlers } = held();
    await using pair = await startStill(handlers, { ...HEDGED, timeoutMs: 1_000, hedge: {} });
    const error = rejection(pair.client.unarySafe({}));
    await pair.advance(1_000);
    expect(await error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(seen.calls).toBe(1);
  });

  test('each attempt ends exactly once, the one that lost as cancelled', async () => {
    const ends: Status[] = [];
    const count: Interceptor<ClientCall> = (next) => (call) => {
      call.onEnd(({ code }) => ends.push(code));
      return next(call);
    };
    const { handlers, answer } = held();
    const interceptors = { perAttempt: [count] };
    await using pair = await startStill(handlers, HEDGED, { interceptors });
    const call = pair.client.unarySafe({});
    await pair.advance(20);
    answer(2);
    await call;
    await settled();
    expect(ends.toSorted((a, b) => a - b)).toEqual([Status.OK, Status.CANCELLED]);
  });

  test('all of them run in the asynchronous context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const look: Interceptor<ClientCall> = (next) => (call) => {
      seen.push(storage.getStore());
      return next(call);
    };
    const { handlers, answer } = held();
    const interceptors = { perAttempt: [look] };
    await using pair = await startStill(handlers, HEDGED, { interceptors });
    const call = storage.run('mine', () => pair.client.unarySafe({}));
    await pair.advance(20);
    answer(1);
    await call;
    expect(seen).toEqual(['mine', 'mine']);
  });
});

describe('an attempt that cannot be made does not end those that are open', () => {
  test('a half-open breaker lets no hedge through, and its probe goes on', async () => {
    const { seen, handlers, answer, fail } = held();
    const breaker = { minCalls: 2, openMs: 50, jitter: 0, probes: 1, successes: 1 };
    await using pair = await startStill(handlers, { ...HEDGED, retry: { attempts: 1 }, breaker });
    const failed = rejection(pair.client.unarySafe({}));
    await settled();
    fail(1);
    await settled();
    fail(2);
    await failed;
    expect(await rejection(pair.client.unarySafe({}))).toMatchObject({ reason: 'circuit_open' });
    await pair.advance(50);
    const probe = pair.client.unarySafe({});
    await pair.advance(20);
    // The hedge was made, and refused before it reached the server.
    expect(countersOf(pair.client)?.hedges).toBe(1);
    expect(seen.calls).toBe(3);
    answer(3);
    await expect(probe).resolves.toMatchObject(attempt(3));
  });

  test.each<[string, PairOptions['client'], number]>([
    ['an empty budget', { retryBudget: { ratio: 0, perSecond: 0.1, ttlMs: 10_000 } }, 2],
    ['with a budget, a third attempt follows', {}, 3],
  ])('%s', async (_what, client, attempts) => {
    const { seen, handlers, answer, fail } = held();
    await using pair = await startStill(handlers, HEDGED, client);
    const call = pair.client.unarySafe({});
    await pair.advance(20);
    fail(1);
    await settled();
    expect(seen.calls).toBe(attempts);
    expect(seen.aborted).toEqual([]);
    answer(2);
    await expect(call).resolves.toMatchObject(attempt(2));
  });

  test('the last of them decides: its failure is the call’s', async () => {
    const { handlers, fail } = held();
    await using pair = await startStill(handlers, { ...HEDGED, retry: { attempts: 1 } });
    const error = rejection(pair.client.unarySafe({}));
    await pair.advance(20);
    fail(1);
    await settled();
    fail(2);
    expect((await error) as RpcError).toMatchObject({ details: 'refusal 2' });
  });
});

describe('streams', () => {
  test.each([1, 2, 3])('headers are those of the attempt that won: %i of 3', async (winner) => {
    const { hold, answer } = held();
    let header: unknown;
    const look: Interceptor<ClientCall> = (next) => async (call) => {
      const payload = await next(call);
      // Those that lost end in the meantime.
      await settled();
      header = call.responseHeader.get('who');
      return payload;
    };
    await using pair = await startStill(
      {
        async *serverStream(_request, { header: own, signal }) {
          const number = await hold(signal);
          if (signal.aborted) return;
          own.set('who', String(number));
          yield { index: number };
        },
      },
      { ...HEDGED, hedge: { delayMs: 20, extra: 2 } },
      { interceptors: { perCall: [look] } },
    );
    const messages = collect(pair.client.serverStream({ count: 1 }));
    for (let wait = 0; wait < 3; wait++) await pair.advance(20);
    answer(winner);
    expect(await messages).toEqual([expect.objectContaining({ index: winner })]);
    expect(header).toBe(String(winner));
  });

  test('a request loses nothing where the attempt that won speaks first', async () => {
    const { seen, hold } = held();
    const got: string[] = [];
    await using pair = await startStill({
      async *bidi(requests, { signal }) {
        if (seen.calls === 0) {
          await hold(signal);
          return;
        }
        yield { index: 0 };
        for await (const { sample } of requests) {
          got.push(sample?.text ?? '');
          yield { index: 1 };
        }
      },
    });
    const spoken = deferred();
    // Both attempts wait for the first message when the call commits to the second of them.
    async function* waiting(): ReturnType<typeof samples> {
      await spoken.promise;
      yield* samples('a', 'b');
    }
    const stream = pair.client.bidi(waiting());
    const first = stream.next();
    await pair.advance(20);
    expect(await first).toMatchObject({ value: { index: 0 } });
    spoken.resolve();
    expect(await collect(stream)).toHaveLength(2);
    expect(got).toEqual(['a', 'b']);
    expect(seen.aborted).toEqual([1]);
  });
});
