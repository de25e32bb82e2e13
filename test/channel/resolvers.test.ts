import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { staticResolver, unixResolver } from '../../src/channel/resolvers/static.ts';
import { parseTarget } from '../../src/channel/target.ts';
import type { ResolverFactory, Server, Timer } from '../../src/index.ts';
import { ConfigError, createClient, createServer, parseEndpoint, Status } from '../../src/index.ts';
import { inMemoryTransport, testRuntime } from '../../src/testing/index.ts';
import { shapes } from '../support/shapes-service.ts';
import { recorder, turn } from './resolver-recorder.ts';

describe('static', () => {
  test('lists its endpoints, each under its own name', () => {
    const { told, listener } = recorder();
    const resolver = staticResolver(parseTarget('static:///a:1,[::1]:2'), testRuntime());
    resolver.start(listener);
    expect(told).toEqual(['a:1 as a:1, [::1]:2 as [::1]:2']);
  });

  test.each([
    ['static:///127.0.0.1:1,[::1]:2,localhost:3', true],
    ['static:///127.0.0.1:1,10.0.0.1:2', false],
    ['static:///orders:1', false],
  ])('%s is loopback: %s', (target, loopback) => {
    expect(staticResolver(parseTarget(target), testRuntime()).loopback).toBe(loopback);
  });
});

describe('unix', () => {
  test.each([
    ['unix:/run/a.sock', '/run/a.sock'],
    ['unix:///run/a.sock', '/run/a.sock'],
    ['unix:a.sock', 'a.sock'],
  ])('%s is %s', (target, path) => {
    const { told, listener } = recorder();
    unixResolver(parseTarget(target), testRuntime()).start(listener);
    expect(told).toEqual([`unix:${path} as localhost`]);
  });
});

describe('parseEndpoint', () => {
  test.each([
    ['orders:50051', { kind: 'tcp', host: 'orders', port: 50_051 }, 'orders:50051', 'orders'],
    ['[::1]:2', { kind: 'tcp', host: '::1', port: 2 }, '[::1]:2', '::1'],
    ['unix:/run/a', { kind: 'unix', path: '/run/a' }, 'localhost', 'localhost'],
    ['unix:///run/a', { kind: 'unix', path: '/run/a' }, 'localhost', 'localhost'],
  ])('%s', (text, address, authority, serverName) => {
    expect(parseEndpoint(text)).toEqual({ address, authority, serverName });
  });

  test.each(['orders', 'orders:70000', '::1:2', 'unix:', ''])('refuses %j', (text) => {
    expect(() => parseEndpoint(text, 'a list of mine')).toThrow(ConfigError);
    expect(() => parseEndpoint(text, 'a list of mine')).toThrow('a list of mine');
  });
});

test('a resolver of a scheme of its own asks by the clock it is given', async () => {
  const runtime = testRuntime();
  const transport = inMemoryTransport();
  const names = ['a:1'];
  const registry: ResolverFactory = ({ path }, { clock }) => {
    let timer: Timer | undefined;
    return {
      loopback: false,
      start(listener) {
        const ask = async (): Promise<void> => {
          if (path !== 'orders') {
            listener.error({ code: Status.UNAVAILABLE, details: `No registry of ${path}` });
          } else {
            listener.endpoints(names.map((text) => parseEndpoint(text)));
          }
          timer = clock.setTimer(clock.now() + 10_000, () => void ask());
        };
        void ask();
      },
      resolveNow() {},
      close: () => timer?.clear(),
    };
  };
  const serve = async (address: string): Promise<Server> => {
    const server = createServer({ runtime, transport }).add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: address } }),
    });
    await server.listen(address);
    return server;
  };
  await using _a = await serve('a:1');
  await using _b = await serve('b:2');
  const defaults = { retry: false } as const;
  const options = { runtime, transport, resolvers: { registry }, defaults };
  await using client = createClient(ShapesServiceDefinition, 'registry:///orders', options);
  expect(await client.unary({})).toMatchObject({ sample: { text: 'a:1' } });
  names[0] = 'b:2';
  runtime.clock.advance(10_000);
  await turn();
  expect(await client.unary({})).toMatchObject({ sample: { text: 'b:2' } });

  await using lost = createClient(ShapesServiceDefinition, 'registry:///stock', options);
  await expect(lost.unary({})).rejects.toMatchObject({
    code: Status.UNAVAILABLE,
    details: 'No registry of stock',
  });
});
