import { describe, expect, test } from 'vitest';

import type { MethodPolicy, RpcError } from '../../src/index.ts';
import { clientSnapshot, Metadata, ServerError, Status } from '../../src/index.ts';
import { inMemoryTransport, testRuntime as manualRuntime } from '../../src/testing/index.ts';
import type { PairOptions, ShapesImplementation } from '../support/harness.ts';
import { collect, deferred, rejection, startPair } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';

/** No waits between attempts, and nothing that ends them early. */
const AT_ONCE: MethodPolicy = { retry: { backoff: { initialMs: 1, maxMs: 1 } }, breaker: false };

function options(
  defaults: MethodPolicy = AT_ONCE,
  channel: PairOptions['client'] = {},
): PairOptions {
  return { client: { defaults, ejection: false, ...channel } };
}

/** A handler that fails the first `times` calls, and counts them all. */
function failing(times: number, fail: () => Error) {
  const seen = { calls: 0, previous: [] as (string | undefined)[] };
  const strike = (metadata?: { get(key: string): string | Uint8Array | undefined }): void => {
    seen.calls++;
    seen.previous.push(metadata?.get('grpc-previous-rpc-attempts') as string | undefined);
    if (seen.calls <= times) throw fail();
  };
  const handlers: Partial<ShapesImplementation> = {
    async unary({ sample }, { metadata }) {
      strike(metadata);
      return { sample };
    },
    async unarySafe({ sample }, { metadata }) {
      strike(metadata);
      return { sample };
    },
  };
  return { seen, handlers };
}

const unavailable = (): Error => new ServerError(Status.UNAVAILABLE, 'not now');

describe('which failures are tried again', () => {
  test('an idempotent method that is unavailable, up to three attempts', async () => {
    const { seen, handlers } = failing(2, unavailable);
    await using pair = await startPair(handlers, options());
    await expect(pair.client.unarySafe({ sample: { text: 'a' } })).resolves.toMatchObject({
      sample: { text: 'a' },
    });
    expect(seen.calls).toBe(3);
    expect(seen.previous).toEqual([undefined, '1', '2']);
  });

  test('with retries off, the first failure is the end', async () => {
    const { seen, handlers } = failing(1, unavailable);
    await using pair = await startPair(handlers, options({ retry: false }));
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(seen.calls).toBe(1);
  });

  test('after the last attempt its own failure is what the caller gets', async () => {
    const { seen, handlers } = failing(9, () => {
      return new ServerError(Status.UNAVAILABLE, `refusal ${seen.calls}`);
    });
    await using pair = await startPair(handlers, options());
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ details: 'refusal 3' });
    expect(seen.calls).toBe(3);
  });

  test('a method that may not run twice never does', async () => {
    const { seen, handlers } = failing(1, unavailable);
    await using pair = await startPair(handlers, options());
    await expect(pair.client.unary({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(seen.calls).toBe(1);
  });

  test('a policy may call a method idempotent', async () => {
    const { seen, handlers } = failing(1, unavailable);
    await using pair = await startPair(handlers, options({ ...AT_ONCE, idempotent: true }));
    await pair.client.unary({});
    expect(seen.calls).toBe(2);
  });

  test.each([
    Status.INVALID_ARGUMENT,
    Status.UNKNOWN,
    Status.INTERNAL,
    Status.RESOURCE_EXHAUSTED,
    Status.DEADLINE_EXCEEDED,
  ])('code %s of a server is final', async (code) => {
    const { seen, handlers } = failing(1, () => new ServerError(code, 'no'));
    await using pair = await startPair(handlers, options());
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ code });
    expect(seen.calls).toBe(1);
  });

  test('a server that cancels is tried again; a caller that cancels is obeyed', async () => {
    const { seen, handlers } = failing(1, () => new ServerError(Status.CANCELLED, 'going away'));
    await using pair = await startPair(handlers, options());
    await pair.client.unarySafe({});
    expect(seen.calls).toBe(2);

    const controller = new AbortController();
    const call = pair.client.unarySafe({}, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Status.CANCELLED });
    expect(
      clientSnapshot(pair.client).find(({ path }) => path.endsWith('/UnarySafe'))?.counters,
    ).toMatchObject({ calls: 2, attempts: 3 });
  });

  test('codes of the policy take the place of UNAVAILABLE', async () => {
    const { seen, handlers } = failing(1, () => new ServerError(Status.ABORTED, 'conflict'));
    const retry = { codes: ['ABORTED'], backoff: { initialMs: 1, maxMs: 1 } } as const;
    await using pair = await startPair(handlers, options({ ...AT_ONCE, retry }));
    await pair.client.unarySafe({});
    expect(seen.calls).toBe(2);
  });
});

/** A failure whose trailers say when to try again. */
function pushedBack(code: Status, pushback: string): Error {
  const metadata = Metadata().set('grpc-retry-pushback-ms', pushback);
  return Object.assign(new ServerError(code, 'busy'), { metadata });
}

test('a call on a client that has ended is refused, and not tried again', async () => {
  await using pair = await startPair(
    {},
    options({ retry: { backoff: { initialMs: 60_000, maxMs: 60_000 } } }),
  );
  await pair.client[Symbol.asyncDispose]();
  expect(await rejection(pair.client.unarySafe({}))).toMatchObject({ reason: 'channel_closed' });
});

describe('what the server says of another attempt', () => {
  test('pushback is waited for exactly', async () => {
    const { seen, handlers } = failing(1, () => pushedBack(Status.RESOURCE_EXHAUSTED, '300'));
    const runtime = manualRuntime();
    await using pair = await startPair(handlers, {
      ...options(),
      transport: inMemoryTransport(),
      runtime: { ...runtime, log: runtime.logger.entries },
    });
    const { clock } = runtime;
    const call = pair.client.unarySafe({});
    await settled();
    clock.advance(299);
    await settled();
    expect(seen.calls).toBe(1);
    clock.advance(1);
    await call;
    expect(seen.calls).toBe(2);
  });

  test('after it the ordinary waits begin with the first again', async () => {
    const { seen, handlers } = failing(4, () => {
      return seen.calls === 3 ? pushedBack(Status.UNAVAILABLE, '7') : unavailable();
    });
    const runtime = manualRuntime();
    const backoff = { initialMs: 100, multiplier: 2, maxMs: 1_000, jitter: 0 };
    await using pair = await startPair(handlers, {
      ...options({ breaker: false, retry: { attempts: 5, backoff } }),
      transport: inMemoryTransport(),
      runtime: { ...runtime, log: runtime.logger.entries },
    });
    const call = pair.client.unarySafe({});
    for (const [made, waitMs] of [100, 200, 7, 100].entries()) {
      await settled();
      runtime.clock.advance(waitMs - 1);
      await settled();
      expect(seen.calls).toBe(made + 1);
      runtime.clock.advance(1);
    }
    await call;
    expect(seen.calls).toBe(5);
  });

  test.each(['-1', 'soon', '1.5', ''])('pushback %j ends the call', async (pushback) => {
    const { seen, handlers } = failing(1, () => pushedBack(Status.UNAVAILABLE, pushback));
    await using pair = await startPair(handlers, options());
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(seen.calls).toBe(1);
  });
});

/** Lets everything go on that waits for no clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

describe('commitment', () => {
  const idempotent: MethodPolicy = { ...AT_ONCE, idempotent: true };

  test('a stream that fails before its headers is tried again, after them it is not', async () => {
    let calls = 0;
    await using pair = await startPair(
      {
        async *serverStream() {
          calls++;
          if (calls === 1) throw unavailable();
          yield { index: 0 };
          if (calls === 2) throw unavailable();
        },
      },
      options(idempotent),
    );
    const stream = pair.client.serverStream({ count: 1 });
    await expect(stream.next()).resolves.toMatchObject({ value: { index: 0 } });
    await expect(stream.next()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(calls).toBe(2);
  });

  test.each([
    ['committed where the caller is shown them', true, 1],
    ['tried again where nobody has seen them', false, 2],
  ])('a unary call that got headers is %s', async (_what, shown, attempts) => {
    let calls = 0;
    await using pair = await startPair(
      {
        async unarySafe(_request, context) {
          calls++;
          context.sendHeader();
          if (calls === 1) throw unavailable();
          return {};
        },
      },
      options(),
    );
    const call = pair.client.unarySafe({}, shown ? { onHeader: () => undefined } : {});
    const codeOf = (error: unknown): unknown => (error as RpcError).code;
    const code = await call.then(() => Status.OK, codeOf);
    expect(code).toBe(shown ? Status.UNAVAILABLE : Status.OK);
    expect(calls).toBe(attempts);
  });

  test('a request stream is sent again from its start', async () => {
    const texts: string[][] = [];
    await using pair = await startPair(
      {
        async clientStream(requests) {
          const got: string[] = [];
          texts.push(got);
          for await (const { sample } of requests) {
            got.push(sample?.text ?? '');
            if (texts.length === 1 && got.length === 2) throw unavailable();
          }
          return { count: got.length };
        },
      },
      options(idempotent),
    );
    await expect(pair.client.clientStream(samples('a', 'b', 'c'))).resolves.toMatchObject({
      count: 3,
    });
    expect(texts).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]);
  });

  test('a request stream over 1 MiB is not kept', async () => {
    let calls = 0;
    const text = 'x'.repeat(512 * 1024);
    await using pair = await startPair(
      {
        async clientStream(requests) {
          calls++;
          let count = 0;
          for await (const _request of requests) if (++count === 4) throw unavailable();
          return { count };
        },
      },
      options(idempotent),
    );
    const call = pair.client.clientStream(samples(text, text, text, text, text));
    await expect(call).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(calls).toBe(1);
  });

  test('a request stream that fails by itself is not read again', async () => {
    let calls = 0;
    await using pair = await startPair(
      {
        async clientStream(requests) {
          calls++;
          return { count: (await collect(requests)).length };
        },
      },
      options(idempotent),
    );
    async function* broken(): AsyncGenerator<{ sample: { text: string } }> {
      yield { sample: { text: 'a' } };
      throw new Error('the file is gone');
    }
    const error = await rejection(pair.client.clientStream(broken()));
    expect(error).toMatchObject({ code: Status.CANCELLED });
    expect((error as RpcError).message).toContain('the file is gone');
    // The request may fail before the server has begun with it.
    expect(calls).toBeLessThanOrEqual(1);
  });
});

describe('time', () => {
  test('an attempt has its own time, and what it misses is tried again', async () => {
    let calls = 0;
    const cancelled = deferred();
    await using pair = await startPair(
      {
        async unarySafe({ sample }, { signal }) {
          calls++;
          if (calls > 1) return { sample };
          signal.addEventListener('abort', () => cancelled.resolve());
          await cancelled.promise;
          return {};
        },
      },
      options({ ...AT_ONCE, attemptTimeoutMs: 60 }),
    );
    await expect(pair.client.unarySafe({ sample: { text: 'late' } })).resolves.toMatchObject({
      sample: { text: 'late' },
    });
    await cancelled.promise;
    expect(calls).toBe(2);
  });

  test('without one, the call waits for its whole deadline', async () => {
    let calls = 0;
    await using pair = await startPair(
      {
        async unarySafe(_request, { signal }) {
          calls++;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return {};
        },
      },
      options({ ...AT_ONCE, timeoutMs: 400 }),
    );
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
    expect(calls).toBe(1);
  });

  test('no attempt begins that the deadline leaves no time for', async () => {
    const { seen, handlers } = failing(9, () => pushedBack(Status.UNAVAILABLE, '60000'));
    await using pair = await startPair(handlers, options({ ...AT_ONCE, timeoutMs: 5_000 }));
    await expect(pair.client.unarySafe({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(seen.calls).toBe(1);
  });

  test('a call that is cancelled between attempts says what it waited for', async () => {
    const { seen, handlers } = failing(9, () => pushedBack(Status.UNAVAILABLE, '1000'));
    await using pair = await startPair(handlers, options());
    const controller = new AbortController();
    const call = pair.client.unarySafe({}, { signal: controller.signal });
    await expect.poll(() => seen.calls === 1).toBe(true);
    await settled();
    controller.abort();
    const error = (await rejection(call)) as RpcError;
    expect(error.code).toBe(Status.CANCELLED);
    expect(error.details).toContain('busy');
  });
});

describe('the budget', () => {
  async function attemptsOf(retryBudget: false | undefined): Promise<number> {
    const { seen, handlers } = failing(Number.POSITIVE_INFINITY, unavailable);
    const channel = retryBudget === false ? { retryBudget } : {};
    await using pair = await startPair(handlers, options(AT_ONCE, channel));
    const calls = Array.from({ length: 400 }, () => rejection(pair.client.unarySafe({})));
    await Promise.all(calls);
    return seen.calls;
  }

  test('a total outage makes at most a fifth more attempts, and the reserve', async () => {
    expect(await attemptsOf(undefined)).toBeLessThanOrEqual(400 * 1.2 + 100);
  });

  test('without it, three times as many', async () => {
    expect(await attemptsOf(false)).toBe(1_200);
  });
});

describe('where the next attempt goes', () => {
  test('to an endpoint that was not tried yet', async () => {
    const { seen, handlers } = failing(Number.POSITIVE_INFINITY, unavailable);
    await using bad = await startPair(handlers);
    await using good = await startPair();
    const target = `static:///127.0.0.1:${bad.port},127.0.0.1:${good.port}`;
    await using client = good.connect(target, options().client);
    for (let call = 0; call < 20; call++) await client.unarySafe({});
    expect(seen.calls).toBeGreaterThan(0);
    const [counters] = clientSnapshot(client)
      .filter(({ path }) => path.endsWith('/UnarySafe'))
      .map((method) => method.counters);
    // Had any attempt gone back to the bad endpoint, a call would have needed a third one.
    expect(counters?.attempts).toBe(20 + seen.calls);
  });
});
