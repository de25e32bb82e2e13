import { AsyncLocalStorage } from 'node:async_hooks';

import { expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Resolver, ResolverListener } from '../../src/index.ts';
import { createChannel, createClient, createServer, Metadata, Status } from '../../src/index.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { rejection, startPair, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

test('timers of one slot do not run in the context of whoever opened the slot', async () => {
  const storage = new AsyncLocalStorage<string>();
  const clock = createSystemClock();
  const at = clock.now() + 12;
  const seen: (string | undefined)[] = [];
  await new Promise<void>((resolve) => {
    storage.run('alice', () => clock.setTimer(at, () => seen.push(storage.getStore())));
    storage.run('bob', () =>
      clock.setTimer(at, () => {
        seen.push(storage.getStore());
        resolve();
      }),
    );
  });
  expect(seen).toEqual([undefined, undefined]);
});

test('what a generator does in its `finally` carries its own call’s metadata, never another’s', async () => {
  const runtime = testRuntime();
  const rolledBack: string[] = [];
  const rollbacks: Promise<unknown>[] = [];
  const all = Promise.withResolvers<void>();
  await using back = createServer({ runtime }).add(ShapesServiceDefinition, {
    ...shapes,
    async unary(_request, { metadata }) {
      rolledBack.push(metadata.get('x-who') ?? 'nobody');
      if (rolledBack.length === 6) all.resolve();
      return {};
    },
  });
  const { address } = await back.listen('127.0.0.1:0');
  await using outgoing = createClient(ShapesServiceDefinition, `static:///${address}`, { runtime });
  await using pair = await startPair(
    {
      async *serverStream() {
        try {
          yield { index: 0 };
          await new Promise((resolve) => setTimeout(resolve, 400));
          yield { index: 1 };
        } finally {
          // The call is over: work that outlives it is detached, with what it needs said aloud.
          const who = runtime.ambient.current()?.propagated[0]?.[1][0];
          const metadata = Metadata({ 'x-who': String(who) });
          rollbacks.push(runtime.ambient.detached(() => outgoing.unary({}, { metadata })));
        }
      },
    },
    { runtime, server: { propagate: ['x-who'] } },
  );
  // Connected first, so that every call reaches its handler before its deadline.
  await pair.client.unary({});
  // All deadlines fall into one slot of the clock.
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  await Promise.all(
    names.map((who) =>
      rejection(
        (async () => {
          const options = { timeoutMs: 300, metadata: { 'x-who': who } };
          for await (const _message of pair.client.serverStream({ count: 2 }, options));
        })(),
      ),
    ),
  );
  await all.promise;
  await Promise.all(rollbacks);
  expect(rolledBack.toSorted()).toEqual(names);
});

test('what a channel starts does not inherit from the call that first needed it', async () => {
  const runtime = testRuntime();
  await using target = createServer({ runtime }).add(ShapesServiceDefinition, shapes);
  const { port } = await target.listen('127.0.0.1:0');
  const inherited: unknown[] = [];
  await using outgoing = createClient(ShapesServiceDefinition, 'mine:///x', {
    runtime,
    resolvers: {
      mine: () => ({
        loopback: true,
        start(listener: ResolverListener) {
          inherited.push(runtime.ambient.current());
          const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
          listener.endpoints([{ address, authority: 'x', serverName: 'x' }]);
        },
        resolveNow: () => undefined,
        close: () => undefined,
      }),
    },
  });
  await using pair = await startPair({ unary: () => outgoing.unary({}) }, { runtime });
  await pair.client.unary({}, { timeoutMs: 2_000 });
  expect(inherited).toEqual([undefined]);
});

test('no handler starts after its deadline, though a layer had waited', async () => {
  let started = 0;
  const waited = Promise.withResolvers<void>();
  await using pair = await startPair(
    {
      async unary() {
        started++;
        return {};
      },
      async clientStream() {
        started++;
        return {};
      },
    },
    {
      server: {
        interceptors: {
          beforeHandler: [
            (next) => async (call) => {
              await new Promise<void>((resolve) => void call.onCancel(() => resolve()));
              const result = next(call);
              waited.resolve();
              return result;
            },
          ],
        },
      },
    },
  );
  expect(await rejection(pair.client.unary({}, { timeoutMs: 250 }))).toMatchObject({
    code: Status.DEADLINE_EXCEEDED,
  });
  const stream = pair.client.clientStream(
    (async function* () {
      yield {};
    })(),
    { timeoutMs: 250 },
  );
  await rejection(stream);
  await waited.promise;
  expect(started).toBe(0);
});

test('calls that waited for a connection are sent in the context of their own callers', async () => {
  const storage = new AsyncLocalStorage<string>();
  await using server = createServer().add(ShapesServiceDefinition, shapes);
  const { address } = await server.listen('127.0.0.1:0');
  await using channel = storage.run('maker', () => createChannel(`static:///${address}`));
  await using client = createClient(ShapesServiceDefinition, channel);
  const seen: (string | undefined)[] = [];
  const call = (who: string): Promise<unknown> =>
    storage.run(who, () => {
      const request = async function* (): AsyncGenerator<object> {
        seen.push(storage.getStore());
        yield {};
      };
      return client.clientStream(request());
    });
  // The channel connects for the first of them; the second one is sent by what that wakes.
  await Promise.all([call('alice'), call('bob')]);
  expect(new Set(seen)).toEqual(new Set(['alice', 'bob']));
  expect(seen).toHaveLength(2);
});

test('what a channel starts runs in no caller’s context', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const runtime = testRuntime();
  const resolver = (): Resolver => ({
    loopback: true,
    start: (listener) => {
      seen.push(storage.getStore());
      listener.error({ code: Status.UNAVAILABLE, details: 'nowhere' });
    },
    resolveNow: () => undefined,
    close: () => undefined,
  });
  await storage.run('maker', async () => {
    const options = {
      runtime,
      resolvers: { nowhere: resolver },
      defaults: { retry: false } as const,
    };
    await using client = createClient(ShapesServiceDefinition, 'nowhere:///x', options);
    await rejection(client.unary({}));
  });
  expect(seen).toEqual([undefined]);
});
