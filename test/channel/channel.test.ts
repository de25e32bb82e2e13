import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ResolverListener, Server } from '../../src/index.ts';
import { createChannel, createClient, createServer, Status } from '../../src/index.ts';
import { rejection, startPair, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

/** Servers that answer with their own number. */
async function fleet(size: number) {
  const runtime = testRuntime();
  const servers: Server[] = [];
  const addresses: string[] = [];
  for (let i = 0; i < size; i++) {
    const server = createServer({ runtime });
    server.add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: String(i) } }),
    });
    addresses.push((await server.listen('127.0.0.1:0')).address);
    servers.push(server);
  }
  return {
    runtime,
    servers,
    addresses,
    target: `static:///${addresses.join(',')}`,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** Who answers `count` calls, made one after the other. */
async function answers(
  client: { unary(request: object): Promise<{ sample?: { text: string } | undefined }> },
  count: number,
): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < count; i++) seen.push((await client.unary({})).sample?.text ?? '');
  return seen;
}

describe('round_robin', () => {
  test('gives each ready endpoint its turn, over a connection of its own', async () => {
    await using f = await fleet(3);
    await using channel = createChannel(f.target, { runtime: f.runtime, balancer: 'round_robin' });
    const client = createClient(ShapesServiceDefinition, channel);
    await client.unary({});
    await expect
      .poll(() => channel.snapshot().endpoints.map(({ state }) => state))
      .toEqual(['ready', 'ready', 'ready']);
    const seen = await answers(client, 9);
    for (const name of ['0', '1', '2']) expect(seen.filter((s) => s === name)).toHaveLength(3);
    expect(new Set(seen.slice(0, 3)).size).toBe(3);
  });

  test('goes on without an endpoint that is gone, and takes it back when it returns', async () => {
    await using f = await fleet(2);
    // Without slow start the one that returns has its turn at once.
    const options = { runtime: f.runtime, balancer: 'round_robin', slowStart: false } as const;
    await using channel = createChannel(f.target, options);
    const client = createClient(ShapesServiceDefinition, channel);
    await client.unary({});
    await f.servers[0]?.[Symbol.asyncDispose]();
    await expect.poll(() => channel.snapshot().endpoints[0]?.state).not.toBe('ready');
    expect(new Set(await answers(client, 4))).toEqual(new Set(['1']));
    await using returned = createServer({ runtime: f.runtime });
    returned.add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: 'returned' } }),
    });
    await returned.listen(f.addresses[0] ?? '');
    await expect
      .poll(() => channel.snapshot().endpoints[0]?.state, { timeout: 5_000 })
      .toBe('ready');
    expect(new Set(await answers(client, 4))).toEqual(new Set(['1', 'returned']));
  });
});

describe('pick_first', () => {
  test('stays with one endpoint, and moves on when that is gone', async () => {
    await using f = await fleet(3);
    await using channel = createChannel(f.target, { runtime: f.runtime, balancer: 'pick_first' });
    const client = createClient(ShapesServiceDefinition, channel);
    const seen = new Set(await answers(client, 6));
    expect(seen.size).toBe(1);
    expect(channel.snapshot().endpoints.filter(({ state }) => state === 'ready')).toHaveLength(1);
    const [first = ''] = seen;
    await f.servers[Number(first)]?.[Symbol.asyncDispose]();
    await expect.poll(() => channel.snapshot().endpoints[Number(first)]?.state).not.toBe('ready');
    const next = new Set(await answers(client, 6));
    expect(next.size).toBe(1);
    expect(next).not.toEqual(seen);
  });

  test('tries the next endpoint when the first cannot be reached', async () => {
    await using f = await fleet(1);
    const target = `static:///127.0.0.1:1,127.0.0.1:2,${f.addresses[0]}`;
    await using client = createClient(ShapesServiceDefinition, target, {
      runtime: f.runtime,
      balancer: 'pick_first',
    });
    expect(await answers(client, 1)).toEqual(['0']);
  });
});

test('an endpoint list that changes moves the calls, without failing one', async () => {
  await using f = await fleet(3);
  let listener: ResolverListener | undefined;
  const endpoint = (i: number) => {
    const [host = '', port = ''] = (f.addresses[i] ?? '').split(':');
    const address = { kind: 'tcp', host, port: Number(port) } as const;
    return { address, authority: 'shop', serverName: 'shop' };
  };
  await using channel = createChannel('mine:///shop', {
    runtime: f.runtime,
    resolvers: {
      mine: () => ({
        loopback: true,
        start: (started) => {
          listener = started;
          started.endpoints([endpoint(0)]);
        },
        resolveNow: () => undefined,
        close: () => undefined,
      }),
    },
  });
  const client = createClient(ShapesServiceDefinition, channel);
  expect(await answers(client, 3)).toEqual(['0', '0', '0']);
  listener?.endpoints([endpoint(1), endpoint(2)]);
  listener?.error({ code: Status.UNAVAILABLE, details: 'the source is down' });
  expect(new Set(await answers(client, 6))).toEqual(new Set(['1', '2']));
});

test('a unix socket carries calls, and loopback is implied', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-'));
  const path = join(folder, 'shapes.sock');
  const runtime = testRuntime();
  await using server = createServer({ runtime }).add(ShapesServiceDefinition, shapes);
  expect(await server.listen(`unix:${path}`)).toEqual({ port: 0, address: `unix:${path}` });
  await using client = createClient(ShapesServiceDefinition, `unix:${path}`, { runtime });
  expect(await client.unary({ sample: { text: 'u' } })).toMatchObject({ sample: { text: 'u' } });
  await rm(folder, { recursive: true });
});

test('wait-for-ready waits for a server that is yet to start', async () => {
  await using f = await fleet(1);
  const address = f.addresses[0] ?? '';
  await f.servers[0]?.[Symbol.asyncDispose]();
  await using client = createClient(ShapesServiceDefinition, `static:///${address}`, {
    runtime: f.runtime,
  });
  expect(await rejection(client.unary({}))).toMatchObject({ code: Status.UNAVAILABLE });
  const waiting = client.unary({ sample: { text: 'w' } }, { waitForReady: true });
  await using server = createServer({ runtime: f.runtime }).add(ShapesServiceDefinition, shapes);
  await server.listen(address);
  expect(await waiting).toMatchObject({ sample: { text: 'w' } });
});

test('two clients share one channel, whose end is theirs', async () => {
  await using f = await fleet(1);
  const channel = createChannel(f.target, { runtime: f.runtime });
  const [a, b] = [0, 1].map(() => createClient(ShapesServiceDefinition, channel));
  await a?.unary({});
  await a?.[Symbol.asyncDispose]();
  expect(await b?.unary({})).toMatchObject({ sample: { text: '0' } });
  await channel[Symbol.asyncDispose]();
  expect(await rejection(b?.unary({}) ?? Promise.resolve())).toMatchObject({
    code: Status.UNAVAILABLE,
    processed: 'no',
    details: `The channel to ${f.target} is closed`,
  });
});

test('shutdown finishes the calls in flight and takes no new one', async () => {
  const started = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await using pair = await startPair({
    async unary() {
      started.resolve();
      await goOn.promise;
      return { sample: { text: 'finished' } };
    },
  });
  const inFlight = pair.client.unary({});
  await started.promise;
  const down = pair.server.shutdown({ propagationMs: 0 });
  const fresh = createClient(ShapesServiceDefinition, pair.target, { runtime: testRuntime() });
  expect(await rejection(fresh.unarySafe({}))).toMatchObject({ code: Status.UNAVAILABLE });
  await fresh[Symbol.asyncDispose]();
  goOn.resolve();
  expect(await inFlight).toMatchObject({ sample: { text: 'finished' } });
  await down;
});

test('shutdown ends what is left after its grace', async () => {
  const started = Promise.withResolvers<void>();
  await using pair = await startPair({
    unary: () => {
      started.resolve();
      return new Promise<never>(() => undefined);
    },
  });
  const stuck = rejection(pair.client.unary({}));
  await started.promise;
  await pair.server.shutdown({ propagationMs: 0, graceMs: 50 });
  expect(await stuck).toMatchObject({ code: Status.UNAVAILABLE });
});

test('a channel that is disposed ends calls also on endpoints that left the list', async () => {
  await using f = await fleet(2);
  const endless = Promise.withResolvers<void>();
  await using server = createServer({ runtime: f.runtime }).add(ShapesServiceDefinition, {
    ...shapes,
    async *serverStream(_request, { signal }) {
      yield { index: 0 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      endless.resolve();
    },
  });
  const { port } = await server.listen('127.0.0.1:0');
  let listener: ResolverListener | undefined;
  const endpoint = (to: number) => ({
    address: { kind: 'tcp', host: '127.0.0.1', port: to } as const,
    authority: 'shop',
    serverName: 'shop',
  });
  const channel = createChannel('mine:///shop', {
    runtime: f.runtime,
    resolvers: {
      mine: () => ({
        loopback: true,
        start: (started) => {
          listener = started;
          started.endpoints([endpoint(port)]);
        },
        resolveNow: () => undefined,
        close: () => undefined,
      }),
    },
  });
  const client = createClient(ShapesServiceDefinition, channel);
  const stream = client.serverStream({ count: 1 });
  await stream.next();
  listener?.endpoints([endpoint(Number(f.addresses[0]?.split(':')[1]))]);
  await client.unary({});
  const rest = rejection(stream.next());
  await channel[Symbol.asyncDispose]();
  expect(await rest).toMatchObject({ code: Status.UNAVAILABLE });
  await endless.promise;
});

test('a second shutdown with less grace ends what the first still waits for', async () => {
  const started = Promise.withResolvers<void>();
  await using pair = await startPair({
    unary: () => {
      started.resolve();
      return new Promise<never>(() => undefined);
    },
  });
  const stuck = rejection(pair.client.unary({}));
  await started.promise;
  let over = false;
  const first = pair.server.shutdown({ propagationMs: 0 }).then(() => {
    over = true;
  });
  await pair.server.shutdown({ propagationMs: 0, graceMs: 0 });
  expect(await stuck).toMatchObject({ code: Status.UNAVAILABLE });
  await first;
  expect(over).toBe(true);
});
