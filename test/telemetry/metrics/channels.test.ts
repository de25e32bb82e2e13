import { describe, expect, test } from 'vitest';

import type { Channel, ResolverFactory, Server } from '../../../src/index.ts';
import {
  createChannel,
  createClient,
  createRuntime,
  createServer,
  Metrics,
  ServerError,
  Status,
} from '../../../src/index.ts';
import { ShapesServiceDefinition } from '../../../generated/inboard/testing/v1/shapes.ts';
import { inMemoryTransport, recordingLogger } from '../../../src/testing/index.ts';
import { rejection, startPair } from '../../support/harness.ts';
import { shapes } from '../../support/shapes-service.ts';
import type { Exposition } from './exposition.ts';
import { parseExposition, scrape } from './exposition.ts';

const unavailable = async (): Promise<never> => {
  throw new ServerError(Status.UNAVAILABLE, 'not now');
};

/** Series whose name begins so. */
function named({ series }: Exposition, prefix: string): Readonly<Record<string, number>> {
  return Object.fromEntries([...series].filter(([key]) => key.startsWith(prefix)));
}

describe('channels', () => {
  test('their endpoints, also of several channels to one target', async () => {
    await using pair = await startPair();
    const second = pair.connect();
    for (let count = 0; count < 3; count++) await pair.client.unary({});
    await second.unary({});
    const found = await scrape(pair.runtime);
    const target = `target="${pair.target}"`;
    const endpoint = `${target},endpoint="127.0.0.1:${pair.port}"`;
    expect(named(found, 'inboard_endpoint_')).toMatchObject({
      [`inboard_endpoint_in_flight{${endpoint}}`]: 0,
      [`inboard_endpoint_ejected{${endpoint}}`]: 0,
      [`inboard_endpoint_picks_total{${endpoint}}`]: 4,
      [`inboard_endpoint_failures_total{${endpoint}}`]: 0,
    });
    const latency = found.series.get(`inboard_endpoint_latency_seconds{${endpoint}}`) ?? 0;
    expect(latency).toBeGreaterThan(0);
    expect(latency).toBeLessThan(1);
    const weight = found.series.get(`inboard_endpoint_weight{${endpoint}}`) ?? 0;
    expect(weight).toBeGreaterThan(0);
    expect(weight).toBeLessThanOrEqual(1);
    expect(named(found, 'inboard_channel_')).toEqual({
      [`inboard_channel_retry_budget{${target}}`]: expect.any(Number) as number,
      [`inboard_channel_panic{${target}}`]: 0,
      [`inboard_channel_endpoints{${target},state="idle"}`]: 0,
      [`inboard_channel_endpoints{${target},state="connecting"}`]: 0,
      [`inboard_channel_endpoints{${target},state="ready"}`]: 2,
      [`inboard_channel_endpoints{${target},state="unhealthy"}`]: 0,
      [`inboard_channel_endpoints{${target},state="backoff"}`]: 0,
      [`inboard_channel_ejections_total{${target}}`]: 0,
    });
  });

  test('a target without endpoints has a series of each state, once it was looked up', async () => {
    const runtime = createRuntime({ logger: recordingLogger(), tracing: false });
    const target = 'gone:///orders';
    const gone: ResolverFactory = () => ({
      loopback: true,
      start: (listener) => listener.error({ code: Status.UNAVAILABLE, details: 'no such name' }),
      resolveNow: () => undefined,
      close: () => undefined,
    });
    const resolvers = { gone };
    const channel = createChannel(target, { runtime, transport: inMemoryTransport(), resolvers });
    const client = createClient(ShapesServiceDefinition, channel);
    const endpoints = async (): Promise<Readonly<Record<string, number>>> =>
      named(await scrape(runtime), 'inboard_channel_endpoints');
    // Nobody has called yet: that is not as if all endpoints were gone.
    expect(await endpoints()).toEqual({});
    await rejection(client.unary({}));
    const states = ['idle', 'connecting', 'ready', 'unhealthy', 'backoff'];
    expect(await endpoints()).toEqual(
      Object.fromEntries(
        states.map((state) => [
          `inboard_channel_endpoints{target="${target}",state="${state}"}`,
          0,
        ]),
      ),
    );
    await client[Symbol.asyncDispose]();
    channel.close();
  });

  test('ejections; they stay when the channel is closed', async () => {
    const logger = recordingLogger();
    const runtime = createRuntime({ logger, tracing: false });
    const transport = inMemoryTransport();
    const servers: Server[] = [];
    const ports: number[] = [];
    for (const unary of [shapes.unary, shapes.unary, unavailable]) {
      const server = createServer({ runtime, transport });
      server.add(ShapesServiceDefinition, { ...shapes, unary });
      ports.push((await server.listen('127.0.0.1:0')).port);
      servers.push(server);
    }
    const target = `static:///${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    const channel = createChannel(target, { runtime, transport, balancer: 'round_robin' });
    const client = createClient(ShapesServiceDefinition, channel, {
      defaults: { breaker: false, retry: { attempts: 1 } },
    });
    const ejections = `inboard_channel_ejections_total{target="${target}"}`;
    const ejected = `inboard_endpoint_ejected{target="${target}",endpoint="127.0.0.1:${ports[2]}"}`;
    await expect
      .poll(async () => {
        await client.unary({}).catch(() => undefined);
        return channel.snapshot().ejections;
      })
      .toBe(1);
    const open = await scrape(runtime);
    expect(open.series.get(ejections)).toBe(1);
    expect(open.series.get(ejected)).toBe(1);
    await client[Symbol.asyncDispose]();
    channel.close();
    const closed = await scrape(runtime);
    expect(closed.series.get(ejections)).toBe(1);
    expect(closed.series.has(ejected)).toBe(false);
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  test('what one of two channels of a target has counted stays when it is closed', async () => {
    const runtime = createRuntime({ tracing: false });
    const transport = inMemoryTransport();
    await using server = createServer({ runtime, transport }).add(ShapesServiceDefinition, shapes);
    const { address } = await server.listen('127.0.0.1:0');
    const target = `static:///${address}`;
    const [first, second] = [1, 2].map(() => createChannel(target, { runtime, transport }));
    for (const channel of [first, second, second]) {
      await using client = createClient(ShapesServiceDefinition, channel as Channel);
      await client.unary({});
    }
    const picks = `inboard_endpoint_picks_total{target="${target}",endpoint="${address}"}`;
    expect((await scrape(runtime)).series.get(picks)).toBe(3);
    second?.close();
    expect((await scrape(runtime)).series.get(picks)).toBe(3);
    first?.close();
  });

  test('targets and endpoints have a bound', async () => {
    const metrics = new Metrics({ maxTargets: 2, maxEndpoints: 2 });
    const runtime = createRuntime({ telemetry: [metrics] });
    metrics.follow(runtime.parts);
    const transport = inMemoryTransport();
    const addresses = [1, 2, 3, 4].map((port) => `127.0.0.1:${port}`).join(',');
    const channels = ['a', 'b', 'c', 'd'].map((name) =>
      createChannel(`dns:///${name}.test:1`, { runtime, transport }),
    );
    // Those that are seen first have labels of their own, from then on.
    await metrics.registry.metrics();
    const wide = createChannel(`static:///${addresses}`, { runtime, transport });
    const client = createClient(ShapesServiceDefinition, wide);
    await rejection(client.unary({}, { timeoutMs: 1_000 }));
    const found = parseExposition(await metrics.registry.metrics());
    const targets = new Set(
      Object.keys(named(found, 'inboard_channel_panic')).map(
        (key) => /target="(.*)"/.exec(key)?.[1],
      ),
    );
    expect(targets).toEqual(new Set(['dns:///a.test:1', 'dns:///b.test:1', 'other']));
    expect(Object.keys(named(found, 'inboard_endpoint_picks_total'))).toHaveLength(2);
    const states = Object.values(named(found, 'inboard_channel_endpoints{target="other"'));
    expect(states.reduce((sum, count) => sum + count, 0)).toBe(4);
    await client[Symbol.asyncDispose]();
    for (const channel of [...channels, wide]) channel.close();
  });
});
