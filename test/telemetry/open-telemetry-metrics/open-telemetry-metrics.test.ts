import { gzipSync } from 'node:zlib';

import { metrics } from '@opentelemetry/api';
import { afterEach, describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../../generated/inboard/testing/v1/shapes.ts';
import type { OpenTelemetryMetricsOptions } from '../../../src/index.ts';
import {
  ConfigError,
  createClient,
  HealthDefinition,
  openTelemetryMetrics,
  ServerError,
  Status,
} from '../../../src/index.ts';
import type { MessageType } from '../../../src/core/definition.ts';
import { frame } from '../../../src/transports/framing.ts';
import { callHeaders, rawClient, statusOf } from '../../support/raw-http2.ts';
import { collect, rejection, startPair, TRANSPORTS } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { measured, measuredRuntime } from './measured.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const METHODS = ['Unary', 'ClientStream', 'ServerStream', 'Bidi'];

const LATENCY = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
  0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25,
  0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
];
const SIZE = [
  0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456,
  1073741824, 4294967296,
];

describe('A66', () => {
  test.each(TRANSPORTS)('every shape is counted once a side (%s)', async (_name, make) => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    await using pair = await startPair({}, { runtime, transport: make() });
    const { client, target } = pair;
    await client.unary({ sample: { text: 'a' } });
    await client.clientStream(samples('a', 'b'));
    await collect(client.serverStream({ count: 3 }));
    await collect(client.bidi(samples('a', 'b')));

    const started = METHODS.map((name) => ({ 'grpc.method': `${SERVICE}/${name}` }));
    const ended = started.map((labels) => ({ ...labels, 'grpc.status': 'OK' }));
    const there = { 'grpc.target': target };
    expect(await sdk.points('grpc.server.call.started')).toEqual(
      started.map((labels) => ({ labels, value: 1 })),
    );
    expect(await sdk.points('grpc.client.attempt.started')).toEqual(
      started.map((labels) => ({ labels: { ...labels, ...there }, value: 1 })),
    );
    for (const name of ['grpc.client.attempt.duration', 'grpc.client.call.duration']) {
      const points = await sdk.points(name);
      expect(points.map(({ labels }) => labels)).toEqual(
        ended.map((labels) => ({ ...labels, ...there })),
      );
      expect(points.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
    }
    const served = await sdk.points('grpc.server.call.duration');
    expect(served.map(({ labels }) => labels)).toEqual(ended);
    expect(served.every(({ sum = 0 }) => sum > 0 && sum < 10)).toBe(true);
  });

  test.each(TRANSPORTS)('sizes are those of the messages (%s)', async (_name, make) => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    await using pair = await startPair({}, { runtime, transport: make() });
    const text = 'x'.repeat(3_000);
    const request = { sample: { text } };
    const response = await pair.client.unary(request);
    await collect(pair.client.bidi(samples('a', 'bb', 'ccc')));

    const { unary, bidi } = ShapesServiceDefinition.methods;
    const size = (type: MessageType, message: object): number =>
      type.encode(type.fromPartial(message as never) as never).finish().length;
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    const texts = ['a', 'bb', 'ccc'].map((one) => ({ sample: { text: one } }));
    const sent = [
      size(unary.requestType, request),
      sum(texts.map((one) => size(bidi.requestType, one))),
    ];
    const answered = [
      size(unary.responseType, response),
      sum(texts.map((one, index) => size(bidi.responseType, { ...one, index }))),
    ];
    const sums = async (name: string): Promise<unknown[]> =>
      (await sdk.points(name)).map((point) => point.sum);
    expect(await sums('grpc.client.attempt.sent_total_compressed_message_size')).toEqual(sent);
    expect(await sums('grpc.server.call.rcvd_total_compressed_message_size')).toEqual(sent);
    expect(await sums('grpc.server.call.sent_total_compressed_message_size')).toEqual(answered);
    expect(sent[0]).toBeGreaterThan(3_000);
  });

  test('a compressed request counts as it came', async () => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    await using pair = await startPair({}, { runtime });
    const { requestType } = ShapesServiceDefinition.methods.unary;
    const request = requestType.fromPartial({ sample: { text: 'x'.repeat(3_000) } });
    const bytes = gzipSync(requestType.encode(request).finish());
    const body = frame(bytes);
    body[0] = 1;
    await using raw = rawClient(pair.port);
    const headers = callHeaders(`/${SERVICE}/Unary`, { 'grpc-encoding': 'gzip' });
    expect(statusOf(await raw.send(headers, body)).code).toBe(Status.OK);
    expect(bytes.length).toBeLessThan(200);
    expect(await sdk.points('grpc.server.call.rcvd_total_compressed_message_size')).toMatchObject([
      { count: 1, sum: bytes.length },
    ]);
  });

  test('names, units and buckets, and nothing that is not asked for', async () => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    await using pair = await startPair({}, { runtime });
    await pair.client.unary({});
    const described: unknown[] = [];
    for (const name of await sdk.names()) {
      const { unit } = (await sdk.metric(name))?.descriptor ?? {};
      const [point] = await sdk.points(name);
      described.push([name, unit, point?.boundaries]);
    }
    expect(described).toEqual([
      ['grpc.client.attempt.duration', 's', LATENCY],
      ['grpc.client.attempt.sent_total_compressed_message_size', 'By', SIZE],
      ['grpc.client.attempt.started', '{attempt}', undefined],
      ['grpc.client.call.duration', 's', LATENCY],
      ['grpc.server.call.duration', 's', LATENCY],
      ['grpc.server.call.rcvd_total_compressed_message_size', 'By', SIZE],
      ['grpc.server.call.sent_total_compressed_message_size', 'By', SIZE],
      ['grpc.server.call.started', '{call}', undefined],
    ]);
  });

  test('how calls ended, and each attempt of them', async () => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    let failures = 1;
    await using pair = await startPair(
      {
        unarySafe: async () => {
          if (failures-- > 0) throw new ServerError(Status.UNAVAILABLE, 'not now');
          return {};
        },
        unary: async () => {
          throw new ServerError(99 as Status, 'no code of gRPC');
        },
      },
      { runtime, client: { defaults: { retry: { backoff: { initialMs: 1, maxMs: 1 } } } } },
    );
    await pair.client.unarySafe({});
    await rejection(pair.client.unary({}));
    const ended = async (name: string): Promise<unknown[]> =>
      (await sdk.points(name)).map(({ labels, count }) => [labels['grpc.status'], count]);
    expect(await ended('grpc.client.call.duration')).toEqual([
      ['OK', 1],
      ['UNKNOWN', 1],
    ]);
    const each = [
      ['UNAVAILABLE', 1],
      ['OK', 1],
      ['UNKNOWN', 1],
    ];
    expect(await ended('grpc.client.attempt.duration')).toEqual(each);
    expect(await ended('grpc.server.call.duration')).toEqual(each);
  });

  test('a stream that is left ends with CANCELLED', async () => {
    const sdk = measured();
    const runtime = measuredRuntime({ meterProvider: sdk.provider });
    async function* serverStream(): AsyncGenerator<{ index: number }> {
      for (let index = 0; ; index++) {
        yield { index };
        await new Promise((resolve) => void setImmediate(resolve));
      }
    }
    await using pair = await startPair({ serverStream }, { runtime });
    for await (const { index } of pair.client.serverStream({})) if (index === 1) break;
    for (const name of ['grpc.client.call.duration', 'grpc.server.call.duration']) {
      await expect
        .poll(() => sdk.points(name))
        .toMatchObject([{ labels: { 'grpc.status': 'CANCELLED' }, count: 1 }]);
    }
  });

  test('methods that the server does not have share one name, unless they are let pass', async () => {
    const asked = async (options: OpenTelemetryMetricsOptions): Promise<unknown[]> => {
      const sdk = measured();
      const runtime = measuredRuntime({ ...options, meterProvider: sdk.provider });
      await using pair = await startPair({}, { runtime, server: { health: false } });
      await using stray = createClient(HealthDefinition, pair.target);
      await rejection(stray.check({}));
      await rejection(stray.check({}));
      return (await sdk.points('grpc.server.call.duration')).map(({ labels }) => labels);
    };
    const labels = { 'grpc.status': 'UNIMPLEMENTED', 'grpc.method': 'other' };
    expect(await asked({})).toEqual([labels]);
    const path = 'grpc.health.v1.Health/Check';
    const recordUnknownMethod = (method: string): boolean => method === path;
    expect(await asked({ recordUnknownMethod })).toEqual([{ ...labels, 'grpc.method': path }]);
  });

  test('targets are told with their scheme, or not by name', async () => {
    const sdk = measured();
    const recordTarget = (target: string): boolean => !target.startsWith('static:');
    const runtime = measuredRuntime({ meterProvider: sdk.provider, recordTarget });
    await using pair = await startPair({}, { runtime });
    await pair.client.unary({});
    await using byName = pair.connect(`localhost:${pair.port}`);
    await byName.unary({});
    const points = await sdk.points('grpc.client.call.duration');
    expect(points.map(({ labels }) => labels['grpc.target'])).toEqual([
      'other',
      `dns:///localhost:${pair.port}`,
    ]);
  });
});

describe('where measurements go', () => {
  afterEach(() => metrics.disable());

  test('to the global provider, when it comes', async () => {
    const runtime = measuredRuntime({});
    await using pair = await startPair({}, { runtime });
    await pair.client.unary({});
    const sdk = measured();
    metrics.setGlobalMeterProvider(sdk.provider);
    await pair.client.unary({});
    expect(await sdk.points('grpc.server.call.started')).toMatchObject([{ value: 1 }]);
  });

  test('only to the one that is given', async () => {
    const [global, given] = [measured(), measured()];
    metrics.setGlobalMeterProvider(global.provider);
    const runtime = measuredRuntime({ meterProvider: given.provider });
    await using pair = await startPair({}, { runtime });
    await pair.client.unary({});
    expect(await given.points('grpc.server.call.started')).toHaveLength(1);
    expect(await global.names()).toEqual([]);
  });

  test('what is no provider is refused', () => {
    const options = { meterProvider: {} } as OpenTelemetryMetricsOptions;
    expect(() => openTelemetryMetrics(options)).toThrow(ConfigError);
    expect(() => openTelemetryMetrics(options)).toThrow('openTelemetryMetrics.meterProvider');
  });
});
