import { describe, expect, test } from 'vitest';

import type { Channel } from '../../src/index.ts';
import { createChannel, createClient, ServerError, Status } from '../../src/index.ts';
import type { ReplayReader } from '../../src/policies/replay-buffer.ts';
import { MAX_REPLAY_BYTES, ReplayBuffer, ReplayQuota } from '../../src/policies/replay-buffer.ts';
import { inMemoryTransport } from '../../src/testing/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ShapesClient, ShapesImplementation } from '../support/harness.ts';
import { collect, deferred, rejection, startPair } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';

/** A request in the test's hand. */
function source() {
  let waiting: PromiseWithResolvers<IteratorResult<unknown, undefined>> | undefined;
  const seen = { reads: 0, returned: 0 };
  const iterator: AsyncIterator<unknown, undefined> = {
    next() {
      seen.reads++;
      waiting = deferred<IteratorResult<unknown, undefined>>();
      return waiting.promise;
    },
    async return() {
      seen.returned++;
      return { done: true, value: undefined };
    },
  };
  return {
    seen,
    stream: { [Symbol.asyncIterator]: () => iterator },
    give: (value: unknown) => waiting?.resolve({ done: false, value }),
    end: () => waiting?.resolve({ done: true, value: undefined }),
    fail: (error: unknown) => waiting?.reject(error),
  };
}

async function* listed(values: readonly unknown[]): AsyncGenerator<unknown, undefined> {
  yield* values;
  return undefined;
}

/** An attempt that has sent so many bytes. */
function reader(): ReplayReader & { sentBytes: number } {
  return { sentBytes: 0 };
}

const never = (): never => {
  throw new Error('it was not too much');
};

function iterate(buffer: ReplayBuffer, of: ReplayReader, onTooMuch: () => void = never) {
  return buffer.open(of, onTooMuch)[Symbol.asyncIterator]();
}

const OVER = { done: true, value: undefined };
const message = (value: unknown) => ({ done: false, value });

describe('ReplayQuota', () => {
  test('gives out no more than its limit, and takes nothing where that would be too much', () => {
    const quota = new ReplayQuota(100);
    expect(quota.take(60)).toBe(true);
    expect(quota.take(41)).toBe(false);
    expect(quota.used).toBe(60);
    expect(quota.take(40)).toBe(true);
    quota.give(100);
    expect(quota.used).toBe(0);
  });

  test('is 16 MiB by default', () => {
    const quota = new ReplayQuota();
    expect(quota.take(16 * 1024 * 1024)).toBe(true);
    expect(quota.take(1)).toBe(false);
  });
});

describe('ReplayBuffer: several readers', () => {
  test('each reads from the start, and the request is read once', async () => {
    const { stream, seen, give, end } = source();
    const buffer = new ReplayBuffer(stream, new ReplayQuota());
    const first = iterate(buffer, reader());
    const one = first.next();
    give('a');
    expect(await one).toEqual(message('a'));
    const second = iterate(buffer, reader());
    expect(await second.next()).toEqual(message('a'));
    expect(seen.reads).toBe(1);
    const over = second.next();
    end();
    expect(await over).toEqual(OVER);
    expect(await first.next()).toEqual(OVER);
    expect(seen.reads).toBe(2);
  });

  test('two that wait for the same message share one read', async () => {
    const { stream, seen, give } = source();
    const buffer = new ReplayBuffer(stream, new ReplayQuota());
    const both = [iterate(buffer, reader()).next(), iterate(buffer, reader()).next()];
    give('a');
    expect(await Promise.all(both)).toEqual([message('a'), message('a')]);
    expect(seen.reads).toBe(1);
  });

  test('one that stops reading ends neither the request nor another reader', async () => {
    const { stream, seen, give } = source();
    const buffer = new ReplayBuffer(stream, new ReplayQuota());
    const first = iterate(buffer, reader());
    const parked = first.next();
    await first.return?.();
    const other = iterate(buffer, reader()).next();
    give('a');
    expect(await parked).toEqual(OVER);
    expect(await other).toEqual(message('a'));
    expect(seen.returned).toBe(0);
    expect(buffer.replayable).toBe(true);
  });

  test('a request that fails fails for all of them, and is not replayable', async () => {
    const { stream, seen, fail } = source();
    const buffer = new ReplayBuffer(stream, new ReplayQuota());
    const both = [iterate(buffer, reader()).next(), iterate(buffer, reader()).next()];
    const errors = Promise.all(both.map((next) => rejection(next)));
    const gone = new Error('the file is gone');
    fail(gone);
    expect(await errors).toEqual([gone, gone]);
    expect(buffer.replayable).toBe(false);
    expect(await rejection(iterate(buffer, reader()).next())).toBe(gone);
    expect(seen.reads).toBe(1);
  });
});

describe('ReplayBuffer: one attempt is committed to', () => {
  test('a message that another reader waited for goes to the attempt alone', async () => {
    const { stream, seen, give } = source();
    const buffer = new ReplayBuffer(stream, new ReplayQuota());
    const loser = iterate(buffer, reader()).next();
    const winner = reader();
    const read = iterate(buffer, winner);
    buffer.commit(winner);
    const first = read.next();
    give('a');
    expect(await loser).toEqual(OVER);
    expect(await first).toEqual(message('a'));
    const second = read.next();
    give('b');
    expect(await second).toEqual(message('b'));
    expect(seen.reads).toBe(2);
  });

  test('a reader that lost reads nothing more, not even what was kept', async () => {
    const buffer = new ReplayBuffer(listed(['a', 'b', 'c']), new ReplayQuota());
    const lost = iterate(buffer, reader());
    await lost.next();
    await lost.next();
    const winner = reader();
    const read = iterate(buffer, winner);
    await read.next();
    buffer.commit(winner);
    expect(await lost.next()).toEqual(OVER);
    expect(await iterate(buffer, reader()).next()).toEqual(OVER);
    const rest = [await read.next(), await read.next(), await read.next()];
    expect(rest).toEqual([message('b'), message('c'), OVER]);
  });

  test('commits once: a second attempt changes nothing', async () => {
    const buffer = new ReplayBuffer(listed(['a']), new ReplayQuota());
    const winner = reader();
    buffer.commit(winner);
    buffer.commit(reader());
    expect(buffer.replayable).toBe(false);
    expect(await iterate(buffer, winner).next()).toEqual(message('a'));
  });

  test('what it has read is not kept: to begin anew fails, and leaves no message out', async () => {
    const buffer = new ReplayBuffer(listed(['a', 'b']), new ReplayQuota());
    const winner = reader();
    const read = iterate(buffer, winner);
    await read.next();
    buffer.commit(winner);
    await read.next();
    expect(await rejection(iterate(buffer, winner).next())).toMatchObject({
      message: 'The request was read and is no longer kept',
    });
  });

  test('before that, one attempt may begin anew', async () => {
    const buffer = new ReplayBuffer(listed(['a', 'b']), new ReplayQuota());
    const same = buffer.open(reader(), never);
    await same[Symbol.asyncIterator]().next();
    expect(await collect(same)).toEqual(['a', 'b']);
  });
});

describe('ReplayBuffer: how much is kept', () => {
  test('1 MiB of one request; then the reader that went over it is committed to', async () => {
    const quota = new ReplayQuota();
    const buffer = new ReplayBuffer(listed(['a', 'b', 'c']), quota);
    const attempt = reader();
    let tooMuch = 0;
    const read = iterate(buffer, attempt, () => tooMuch++);
    await read.next();
    attempt.sentBytes = MAX_REPLAY_BYTES - 1_000;
    await read.next();
    expect(quota.used).toBeGreaterThanOrEqual(MAX_REPLAY_BYTES - 1_000);
    expect([tooMuch, buffer.replayable]).toEqual([0, true]);
    attempt.sentBytes = MAX_REPLAY_BYTES + 1;
    expect(await read.next()).toEqual(message('c'));
    expect([tooMuch, buffer.replayable, quota.used]).toEqual([1, false, 0]);
    expect(await read.next()).toEqual(OVER);
    expect(tooMuch).toBe(1);
  });

  test('messages without a byte are bounded as well', async () => {
    const buffer = new ReplayBuffer(listed(Array.from({ length: 200_000 })), new ReplayQuota());
    let read = 0;
    let readAtLimit: number | undefined;
    for await (const _empty of buffer.open(reader(), () => (readAtLimit = read))) read++;
    expect(readAtLimit).toBeLessThan(20_000);
    expect(read).toBe(200_000);
  });

  test('two readers of the same messages count them once', async () => {
    const quota = new ReplayQuota();
    const buffer = new ReplayBuffer(listed(['a', 'b', 'c']), quota);
    const used: number[] = [];
    for (const attempt of [reader(), reader()]) {
      const read = iterate(buffer, attempt);
      await read.next();
      attempt.sentBytes = 1_000;
      await read.next();
      used.push(quota.used);
    }
    expect(used[0]).toBeGreaterThanOrEqual(1_000);
    expect(used[1]).toBe(used[0]);
  });

  test('a quota that others have used up is too much, too', async () => {
    const quota = new ReplayQuota(10_000);
    quota.take(9_500);
    const buffer = new ReplayBuffer(listed(['a', 'b']), quota);
    const attempt = reader();
    let tooMuch = 0;
    const read = iterate(buffer, attempt, () => tooMuch++);
    await read.next();
    attempt.sentBytes = 1_000;
    expect(await read.next()).toEqual(message('b'));
    expect([tooMuch, buffer.replayable, quota.used]).toEqual([1, false, 9_500]);
  });

  test('commitment gives back what was taken, and the end gives nothing back twice', async () => {
    const quota = new ReplayQuota();
    quota.take(7);
    const buffer = new ReplayBuffer(listed(['a', 'b']), quota);
    const attempt = reader();
    const read = iterate(buffer, attempt);
    await read.next();
    attempt.sentBytes = 1_000;
    await read.next();
    expect(quota.used).toBeGreaterThan(1_000);
    buffer.commit(attempt);
    expect(quota.used).toBe(7);
    buffer.close();
    buffer.close();
    expect(quota.used).toBe(7);
  });
});

describe('ReplayBuffer: the end of the call', () => {
  test('lets parked readers go and leaves the request', async () => {
    const { stream, seen, give } = source();
    const quota = new ReplayQuota();
    const buffer = new ReplayBuffer(stream, quota);
    const parked = iterate(buffer, reader()).next();
    buffer.close();
    expect(seen.returned).toBe(1);
    give('too late');
    expect(await parked).toEqual(OVER);
    expect(await iterate(buffer, reader()).next()).toEqual(OVER);
    expect([buffer.replayable, quota.used, seen.reads]).toEqual([false, 0, 1]);
  });

  test('a request that throws as it is left harms nobody', async () => {
    async function* broken(): AsyncGenerator<unknown, undefined> {
      try {
        yield 'a';
        yield 'b';
      } finally {
        // oxlint-disable-next-line no-unsafe-finally
        throw new Error('cannot be closed');
      }
    }
    const buffer = new ReplayBuffer(broken(), new ReplayQuota());
    const read = iterate(buffer, reader());
    await read.next();
    buffer.close();
    expect(await read.next()).toEqual(OVER);
  });
});

describe('the quota of a channel', () => {
  const unavailable = (): Error => new ServerError(Status.UNAVAILABLE, 'not now');
  const text = 'x'.repeat(1_000);

  /** What is in use while the server has read two of three messages, and after the call. */
  async function usedBy(
    finish: (signal: AbortSignal) => Promise<void>,
    make: (client: ShapesClient) => Promise<unknown>,
  ): Promise<{ during: number; after: number; failed: boolean }> {
    const shared: { channel?: Channel } = {};
    let during = 0;
    const handlers: Partial<ShapesImplementation> = {
      async clientStream(requests, { signal }) {
        let count = 0;
        for await (const _request of requests) {
          if (++count < 3) continue;
          during = Math.max(during, shared.channel?.replayQuota.used ?? 0);
          await finish(signal);
        }
        return { count };
      },
    };
    const transport = inMemoryTransport();
    await using pair = await startPair(handlers, { transport });
    const { runtime, target } = pair;
    await using own = createChannel(target, { runtime, transport });
    shared.channel = own;
    await using client = createClient(ShapesServiceDefinition, own, {
      defaults: {
        idempotent: true,
        breaker: false,
        retry: { backoff: { initialMs: 1, maxMs: 1 } },
      },
    });
    const failed = await make(client).then(
      () => false,
      () => true,
    );
    return { during, after: own.replayQuota.used, failed };
  }

  const send = (client: ShapesClient): Promise<unknown> =>
    client.clientStream(samples(text, text, text));

  test.each([
    ['succeeds', async () => undefined, send, false],
    ['fails for good', () => Promise.reject(unavailable()), send, true],
    [
      'is cancelled',
      (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
        }),
      (client: ShapesClient) => client.clientStream(samples(text, text, text), { timeoutMs: 100 }),
      true,
    ],
  ])('is given back when a call %s', async (_how, finish, make, fails) => {
    const { during, after, failed } = await usedBy(finish, make);
    expect(failed).toBe(fails);
    expect(during).toBeGreaterThan(1_000);
    expect(after).toBe(0);
  });
});
