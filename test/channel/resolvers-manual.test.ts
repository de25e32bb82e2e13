import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Server } from '../../src/index.ts';
import { ConfigError, createClient, createServer, Status } from '../../src/index.ts';
import { inMemoryTransport, manualResolver, testRuntime } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { turn } from './resolver-recorder.ts';

/** Servers in memory that answer with their address, and a client whose resolver is the test's. */
async function setUp(...addresses: string[]) {
  const runtime = testRuntime();
  const transport = inMemoryTransport();
  const servers: Server[] = [];
  for (const address of addresses) {
    const server = createServer({ runtime, transport }).add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: address } }),
    });
    await server.listen(address);
    servers.push(server);
  }
  const names = manualResolver();
  const connect = () =>
    createClient(ShapesServiceDefinition, 'manual:///orders', {
      runtime,
      transport,
      balancer: 'round_robin',
      // What takes its time is off where time stands still.
      slowStart: false,
      defaults: { retry: false },
      resolvers: { manual: names.factory },
    });
  const client = connect();
  return {
    names,
    client,
    connect,
    servers,
    /** Who answers a few calls, made one after the other once the endpoints are connected. */
    async answers(): Promise<string[]> {
      const seen = new Set<string>();
      await client.unary({});
      await turn();
      for (let i = 0; i < 8; i++) seen.add((await client.unary({})).sample?.text ?? '');
      return [...seen].toSorted();
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

describe('a client', () => {
  test('goes where the resolver says, from the first call on', async () => {
    await using t = await setUp('a:1', 'b:2', 'c:3');
    t.names.set(['a:1']);
    expect(await t.answers()).toEqual(['a:1']);
    t.names.set(['a:1', 'b:2', 'c:3']);
    expect(await t.answers()).toEqual(['a:1', 'b:2', 'c:3']);
    const address = { kind: 'tcp', host: 'c', port: 3 } as const;
    t.names.set([{ address, authority: 'shop', serverName: 'shop' }]);
    expect(await t.answers()).toEqual(['c:3']);
  });

  test('waits until it says something', async () => {
    await using t = await setUp('a:1');
    const call = t.client.unary({});
    await turn();
    t.names.set(['a:1']);
    expect(await call).toMatchObject({ sample: { text: 'a:1' } });
  });

  test('fails while there never was a list, with the status told', async () => {
    await using t = await setUp('a:1');
    t.names.fail('nobody knows orders');
    const failure = { code: Status.UNAVAILABLE, details: 'nobody knows orders', processed: 'no' };
    expect(await rejection(t.client.unary({}))).toMatchObject(failure);
    t.names.fail({ code: Status.PERMISSION_DENIED, details: 'not you' });
    expect(await rejection(t.client.unary({}))).toMatchObject({
      code: Status.PERMISSION_DENIED,
      details: 'not you',
    });
    t.names.set(['a:1']);
    expect(await t.answers()).toEqual(['a:1']);
  });

  test('keeps the last list while the source fails; dropping it would fail its calls', async () => {
    await using t = await setUp('a:1', 'b:2');
    t.names.set(['a:1', 'b:2']);
    expect(await t.answers()).toEqual(['a:1', 'b:2']);
    t.names.fail('the name service is down');
    expect(await t.answers()).toEqual(['a:1', 'b:2']);
    t.names.set([]);
    expect(await rejection(t.client.unary({}))).toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'The manual resolver was set to no endpoint',
      processed: 'no',
    });
    t.names.set(['b:2']);
    expect(await t.answers()).toEqual(['b:2']);
  });

  test('hints that the list may be old when it loses a connection', async () => {
    await using t = await setUp('a:1');
    t.names.set(['a:1']);
    await t.client.unary({});
    expect(t.names.resolveNowCalls).toBe(0);
    await t.servers[0]?.[Symbol.asyncDispose]();
    await turn();
    expect(t.names.resolveNowCalls).toBeGreaterThan(0);
  });

  test('that comes later is told the same, and one that is gone is told nothing', async () => {
    await using t = await setUp('a:1', 'b:2');
    t.names.set(['a:1']);
    t.names.fail('down');
    const other = t.connect();
    expect(await other.unary({})).toMatchObject({ sample: { text: 'a:1' } });
    await other[Symbol.asyncDispose]();
    t.names.set(['b:2']);
    expect(await t.answers()).toEqual(['b:2']);
    expect(await rejection(other.unary({}))).toMatchObject({ code: Status.UNAVAILABLE });
  });
});

describe('plaintext', () => {
  const make = (...addresses: string[]) => {
    const names = manualResolver();
    if (addresses.length > 0) names.set(addresses);
    const target = { uri: 'manual:///a', scheme: 'manual', authority: '', path: 'a' };
    return { names, resolver: names.factory(target, testRuntime()) };
  };

  test('is implied where all endpoints are on this machine when the channel is made', () => {
    expect(make('127.0.0.1:1', 'unix:/run/a').resolver.loopback).toBe(true);
    expect(make('127.0.0.1:1', '10.0.0.1:1').resolver.loopback).toBe(false);
    expect(make().resolver.loopback).toBe(false);
  });

  test('and then leads nowhere else', () => {
    const { names } = make('127.0.0.1:1');
    expect(() => names.set(['10.0.0.1:1'])).toThrow(ConfigError);
    expect(() => names.set([])).not.toThrow();
    expect(() => make('10.0.0.1:1').names.set(['10.0.0.2:1'])).not.toThrow();
  });
});
