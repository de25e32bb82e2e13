import { once } from 'node:events';

import * as grpc from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';

import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../generated/grpc/health/v1/health.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { BalancerName } from '../../src/index.ts';
import {
  createChannel,
  createClient,
  HealthDefinition,
  ServerError,
  Status,
} from '../../src/index.ts';
import { rejection, testRuntime } from '../support/harness.ts';
import { stockDefinition } from '../interop/stock-definition.ts';
import type { Fleet } from './memory-fleet.ts';
import { memoryFleet, never, turn } from './memory-fleet.ts';

const WATCHED = { healthCheck: { service: '' } };

function states(fleet: Fleet): string[] {
  return fleet.channel.snapshot().endpoints.map(({ state }) => state);
}

describe('an endpoint that says NOT_SERVING', () => {
  const BALANCERS: readonly BalancerName[] = ['peak_ewma', 'least_request', 'round_robin'];
  test.each(BALANCERS)('gets no call from %s until it serves again', async (balancer) => {
    await using fleet = await memoryFleet(3, { ...WATCHED, balancer, slowStart: false });
    const [first = ''] = fleet.addresses;
    fleet.servers[0]?.health.set('', 'NOT_SERVING');
    await turn();
    expect(states(fleet)).toEqual(['unhealthy', 'ready', 'ready']);
    expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
      healthy: false,
      failure: `${first} is unhealthy: it is not serving`,
    });
    expect((await fleet.share(60))[first]).toBe(0);
    fleet.servers[0]?.health.set('', 'SERVING');
    await turn();
    expect((await fleet.share(60))[first]).toBeGreaterThan(10);
  });

  test('gets its calls where nobody asks', async () => {
    await using fleet = await memoryFleet(2);
    fleet.servers[0]?.health.set('', 'NOT_SERVING');
    await turn();
    expect((await fleet.share(60))[fleet.addresses[0] ?? '']).toBeGreaterThan(10);
  });

  test('makes pick_first go to another', async () => {
    await using fleet = await memoryFleet(2, { ...WATCHED, balancer: 'pick_first' });
    const { call, ended } = fleet.attempt();
    await ended;
    const at = fleet.addresses.indexOf(call.endpoint ?? '');
    fleet.servers[at]?.health.set('', 'NOT_SERVING');
    await turn();
    const after = fleet.attempt();
    await after.ended;
    expect(after.call.endpoint).toBe(fleet.addresses[1 - at]);
  });

  test('gets calls that would fail otherwise, and none that wait for a better one', async () => {
    await using fleet = await memoryFleet(1, WATCHED);
    fleet.servers[0]?.health.set('', 'NOT_SERVING');
    await turn();
    const client = createClient(ShapesServiceDefinition, fleet.channel, {
      defaults: { retry: false },
    });
    expect(await client.unary({})).toMatchObject({ sample: { text: '0' } });
    const late = client.unary({}, { waitForReady: true, timeoutMs: 50 });
    fleet.runtime.clock.advance(50);
    expect(await rejection(late)).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: expect.stringContaining('is unhealthy: it is not serving') as string,
    });
    const waiting = client.unary({}, { waitForReady: true });
    fleet.servers[0]?.health.set('', 'SERVING');
    expect(await waiting).toMatchObject({ sample: { text: '0' } });
  });

  test('is told of when it serves', async () => {
    await using fleet = await memoryFleet(1, WATCHED);
    let ups = 0;
    fleet.channel.onEndpointUp(() => ups++);
    fleet.servers[0]?.health.set('', 'NOT_SERVING');
    await turn();
    fleet.servers[0]?.health.set('', 'SERVING');
    await turn();
    expect(ups).toBe(1);
  });
});

test('only the service that is asked for counts', async () => {
  await using fleet = await memoryFleet(2, { healthCheck: { service: 'orders' } });
  expect(states(fleet)).toEqual(['unhealthy', 'unhealthy']);
  fleet.servers[0]?.health.set('orders', 'SERVING');
  await turn();
  expect(states(fleet)).toEqual(['ready', 'unhealthy']);
});

test('an endpoint without a health service is taken for serving, which is logged once', async () => {
  await using fleet = await memoryFleet(3, WATCHED, 3, { health: false });
  expect(states(fleet)).toEqual(['ready', 'ready', 'ready']);
  const logged = fleet.runtime.logger.entries.filter(({ message }) => message.includes('health'));
  expect(logged).toEqual([
    {
      level: 'info',
      message: 'an endpoint has no health service: it is taken for serving',
      fields: { target: 'manual:///shop', endpoint: fleet.addresses[0] },
    },
  ]);
});

test('the watch is no load', async () => {
  await using fleet = await memoryFleet(1, WATCHED);
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
    state: 'ready',
    inFlight: 0,
    picks: 0,
    latencyMs: undefined,
  });
});

describe('a watch that breaks', () => {
  /** One endpoint whose watches do what the test says, and how many there were. */
  const watchedBy = async (watch: (attempt: number) => AsyncGenerator<{ status: Serving }>) => {
    let watches = 0;
    const fleet = await memoryFleet(1, WATCHED, 0, { health: false });
    fleet.servers[0]?.add(HealthDefinition, {
      check: async () => ({ status: Serving.SERVING }),
      list: async () => ({ statuses: new Map() }),
      watch: () => watch(watches++),
    });
    fleet.names.set(fleet.addresses);
    await turn();
    return { fleet, watches: () => watches };
  };

  test('without a word is begun again with backoff, and its endpoint left alone', async () => {
    const { fleet, watches } = await watchedBy(async function* (attempt) {
      if (attempt < 3) throw new ServerError(Status.UNAVAILABLE, 'not yet');
      yield { status: Serving.SERVING };
      await new Promise(() => undefined);
    });
    await using _ = fleet;
    expect(states(fleet)).toEqual(['unhealthy']);
    expect(fleet.channel.snapshot().endpoints[0]?.failure).toMatch(/UNAVAILABLE not yet/);
    fleet.runtime.clock.advance(790);
    await turn();
    expect(watches()).toBe(1);
    fleet.runtime.clock.advance(420);
    await turn();
    expect(watches()).toBe(2);
    fleet.runtime.clock.advance(1_000);
    await turn();
    expect(watches()).toBe(2);
    fleet.runtime.clock.advance(1_000);
    await turn();
    fleet.runtime.clock.advance(3_100);
    await turn();
    expect(watches()).toBe(4);
    expect(states(fleet)).toEqual(['ready']);
  });

  test('after it had said something is begun again at once', async () => {
    const { fleet, watches } = await watchedBy(async function* (attempt) {
      yield { status: Serving.SERVING };
      if (attempt === 0) throw new ServerError(Status.INTERNAL, 'cut off');
      await new Promise(() => undefined);
    });
    await using _ = fleet;
    expect(watches()).toBe(2);
    expect(states(fleet)).toEqual(['ready']);
  });
});

describe('a run-time change', () => {
  test('begins and ends the watch, without a moment in which nobody is ready', async () => {
    await using fleet = await memoryFleet(2);
    fleet.servers[0]?.health.set('', 'NOT_SERVING');
    fleet.channel.configure(WATCHED);
    expect(states(fleet)).toEqual(['ready', 'ready']);
    await turn();
    expect(states(fleet)).toEqual(['unhealthy', 'ready']);
    fleet.channel.configure({ healthCheck: false });
    expect(states(fleet)).toEqual(['ready', 'ready']);
  });
});

describe('a server of grpc-js that stops gracefully', () => {
  const healthService: grpc.ServiceDefinition = {
    watch: {
      path: '/grpc.health.v1.Health/Watch',
      requestStream: false,
      responseStream: true,
      requestSerialize: (request: HealthCheckRequest) =>
        Buffer.from(HealthCheckRequest.encode(request).finish()),
      requestDeserialize: (bytes) => HealthCheckRequest.decode(bytes),
      responseSerialize: (response: HealthCheckResponse) =>
        Buffer.from(HealthCheckResponse.encode(response).finish()),
      responseDeserialize: (bytes) => HealthCheckResponse.decode(bytes),
    },
  };

  const start = async () => {
    const server = new grpc.Server();
    let watches = 0;
    server.addService(healthService, {
      watch: (call: grpc.ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) => {
        watches++;
        call.on('cancelled', () => watches--);
        call.write({ status: Serving.SERVING });
      },
    });
    server.addService(stockDefinition, {
      unary: (_call: unknown, callback: grpc.sendUnaryData<object>) => callback(null, {}),
    });
    const credentials = grpc.ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    let stopped = false;
    return {
      port,
      watches: () => watches,
      stopped: () => stopped,
      stop: () => server.tryShutdown(() => (stopped = true)),
      kill: () => server.forceShutdown(),
    };
  };

  test('does so at once under our watch', async () => {
    const peer = await start();
    await using channel = createChannel(`static:///127.0.0.1:${peer.port}`, {
      runtime: testRuntime(),
      ...WATCHED,
    });
    const client = createClient(ShapesServiceDefinition, channel);
    await client.unary({});
    expect(peer.watches()).toBe(1);
    peer.stop();
    await expect.poll(peer.stopped, { timeout: 1_000 }).toBe(true);
    peer.kill();
  });

  test('does not under one that goes on', async () => {
    const peer = await start();
    const stock = new grpc.Client(`127.0.0.1:${peer.port}`, grpc.credentials.createInsecure());
    const { watch } = healthService as { watch: grpc.MethodDefinition<object, object> };
    const call = stock.makeServerStreamRequest(
      watch.path,
      watch.requestSerialize,
      watch.responseDeserialize,
      { service: '' },
    );
    call.on('error', () => undefined);
    await once(call, 'data');
    peer.stop();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(peer.stopped()).toBe(false);
    peer.kill();
    stock.close();
    await expect.poll(peer.stopped).toBe(true);
  });
});

test('a server of ours shuts down at once under our watch, and calls go on elsewhere', async () => {
  await using fleet = await memoryFleet(2, WATCHED);
  fleet.on(0, never);
  await fleet.servers[0]?.shutdown({ propagationMs: 0, graceMs: 1_000 });
  expect((await fleet.share(20))[fleet.addresses[1] ?? '']).toBe(20);
});
