import { Counter, Registry } from 'prom-client';
import { expect, test } from 'vitest';

import { ConfigError, createRuntime, Metrics, metricsOf } from '../../../src/index.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import type { Pair } from '../../support/harness.ts';
import { collect, startPair } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { parseExposition, scrape, seriesOf } from './exposition.ts';

/** A pair whose runtime keeps metrics in a registry, and has made a call of each shape. */
async function calledPair(registry?: Registry): Promise<Pair> {
  const logger = recordingLogger();
  const metrics = registry === undefined ? {} : { registry };
  const runtime = { ...createRuntime({ logger, metrics, tracing: false }), log: logger.entries };
  const pair = await startPair({}, { runtime });
  await pair.client.unary({});
  await pair.client.clientStream(samples('a', 'b'));
  await collect(pair.client.serverStream({ count: 2 }));
  await collect(pair.client.bidi(samples('a')));
  const { servers } = metricsOf(runtime) as Metrics;
  await expect.poll(() => [...servers.values()].every(({ inFlight }) => inFlight === 0)).toBe(true);
  return pair;
}

function registryOf(pair: Pair): Registry {
  return (metricsOf(pair.runtime) as Metrics).registry;
}

test('is what prom-client would write of it, byte for byte', async () => {
  await using pair = await calledPair();
  const registry = registryOf(pair);
  const own = await registry.metrics();
  // Its own way of writing, which the registry of `Metrics` goes around.
  expect(own).toBe(await Registry.prototype.metrics.call(registry));
  expect(parseExposition(own).series.size).toBeGreaterThan(150);
});

test('labels that need escapes are written as the format asks', async () => {
  const logger = recordingLogger();
  const runtime = { ...createRuntime({ logger }), log: logger.entries };
  const method = { service: 'a\\b', name: 'c"d\ne', path: '/odd', known: true, shape: 'unary' };
  const metrics = metricsOf(runtime) as Metrics;
  const call = { runtime, onEnd: () => undefined };
  await metrics.clientCall(async () => undefined, method as never)(call as never);
  const text = await metrics.registry.metrics();
  expect(text).toContain('grpc_service="a\\\\b",grpc_method="c\\"d\\ne"');
  expect(text).toBe(await Registry.prototype.metrics.call(metrics.registry));
});

test("goes to the program's own registry, beside what it has there", async () => {
  const registry = new Registry();
  new Counter({ name: 'shop_orders_total', help: 'Orders.', registers: [registry] }).inc(3);
  await using pair = await calledPair(registry);
  const { series } = parseExposition(await registry.metrics());
  expect(series.get('shop_orders_total')).toBe(3);
  const ended = [...series].filter(([key]) => key.startsWith('grpc_server_handled_total'));
  const counts = ended.map(([, value]) => value);
  expect(counts.filter((count) => count > 0)).toEqual([1, 1, 1, 1]);
  expect(registryOf(pair)).toBe(registry);
});

test('has what the program adds to its registry', async () => {
  await using pair = await calledPair();
  const registry = registryOf(pair);
  new Counter({ name: 'shop_orders_total', help: 'Orders.', registers: [registry] }).inc(2);
  expect(parseExposition(await registry.metrics()).series.get('shop_orders_total')).toBe(2);
});

test('has default labels where the registry is told of some', async () => {
  await using pair = await calledPair();
  const registry = registryOf(pair);
  const plain = parseExposition(await registry.metrics()).series.size;
  registry.setDefaultLabels({ zone: 'north' });
  const { series } = parseExposition(await registry.metrics());
  expect(series.size).toBe(plain);
  expect([...series.keys()].filter((key) => !key.includes('zone="north"'))).toEqual([]);
});

test('can be OpenMetrics', async () => {
  await using pair = await calledPair();
  const registry = registryOf(pair) as Registry<
    typeof Registry.OPENMETRICS_CONTENT_TYPE | typeof Registry.PROMETHEUS_CONTENT_TYPE
  >;
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const text = await registry.metrics();
  expect(text).toContain('# TYPE grpc_server_started counter');
  expect(text).toMatch(/^grpc_server_started_total\{grpc_type="unary",.*\} 1$/m);
  expect(text.endsWith('# EOF\n')).toBe(true);
  expect(text).not.toContain('_total_total');
});

test('keeps its names after it was OpenMetrics once', async () => {
  await using pair = await calledPair();
  const registry = registryOf(pair) as Registry<
    typeof Registry.OPENMETRICS_CONTENT_TYPE | typeof Registry.PROMETHEUS_CONTENT_TYPE
  >;
  new Counter({ name: 'shop_orders_total', help: 'Orders.', registers: [registry] }).inc(2);
  const names = (text: string): string[] => text.match(/^(?:grpc|inboard)_\w+/gm) ?? [];
  const before = names(await registry.metrics());
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const open = await registry.metrics();
  expect(names(open)).toEqual(before);
  expect(names(await registry.metrics())).toEqual(before);
  registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
  const text = await registry.metrics();
  expect(names(text)).toEqual(before);
  expect(text).toContain('# TYPE grpc_server_started_total counter');
  const families = await registry.getMetricsAsJSON();
  expect(families.map(({ name }) => name)).toContain('grpc_server_started_total');
});

test('has the counters of each method from the start, called or not', async () => {
  await using pair = await startPair();
  const failures = ['Unknown', 'DeadlineExceeded', 'ResourceExhausted', 'Unimplemented'];
  const codes = ['OK', ...failures, 'Internal', 'Unavailable', 'DataLoss'];
  const zeros = ['server', 'client'].flatMap((side) => [
    ...codes.map((code) => [`grpc_${side}_handled_total{grpc_code="${code}"}`, 0]),
    ...['started', 'msg_received', 'msg_sent'].map((what) => [`grpc_${side}_${what}_total`, 0]),
  ]);
  const found = Object.entries(seriesOf(await scrape(pair.runtime), 'UnarySafe'));
  // Nothing else: what has no calls has no duration either.
  const ofCalls = found.filter(([key]) => key.startsWith('grpc_'));
  expect(Object.fromEntries(ofCalls)).toEqual(Object.fromEntries(zeros));
  const { servers, clients } = metricsOf(pair.runtime) as Metrics;
  expect([servers.size, clients.size]).toEqual([0, 0]);
});

test('can be added up over the processes of a cluster', async () => {
  await using pair = await calledPair();
  const families = await registryOf(pair).getMetricsAsJSON();
  const started = families.find(({ name }) => name === 'grpc_server_started_total');
  const called = started?.values.filter(({ value }) => value > 0) ?? [];
  expect(called.map(({ labels }) => String(labels['grpc_type'])).toSorted()).toEqual([
    'bidi_stream',
    'client_stream',
    'server_stream',
    'unary',
  ]);
});

test('two in one registry are refused, and so are bounds that make no sense', () => {
  const registry = new Registry();
  const first = new Metrics({ registry });
  expect(first.registry).toBe(registry);
  expect(() => new Metrics({ registry })).toThrow('give one registry to one runtime');
  expect(() => new Metrics({ registry: {} as Registry })).toThrow('no Registry of prom-client');
  expect(() => new Metrics({ bucketsMs: [5, 5] })).toThrow(ConfigError);
  expect(() => new Metrics({ deadlineBucketsMs: [0] })).toThrow(/deadlineBucketsMs\[0\] is 0/);
  expect(() => new Metrics({ maxTargets: -1 })).toThrow(/metrics\.maxTargets is -1/);
});

test('buckets are those that were asked for', async () => {
  const logger = recordingLogger();
  const metrics = { bucketsMs: [1, 2000] };
  const runtime = { ...createRuntime({ logger, metrics }), log: logger.entries };
  await using pair = await startPair({}, { runtime });
  await pair.client.unary({});
  const text = await registryOf(pair).metrics();
  const bounds = text.matchAll(/^grpc_client_handling_seconds_bucket\{.*le="(.*)"\} \d+$/gm);
  expect([...bounds].map(([, bound]) => bound)).toEqual(['0.001', '2', '+Inf']);
});
