import { expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Telemetry } from '../../src/index.ts';
import {
  ConfigError,
  createChannel,
  createClient,
  createRuntime,
  metricsOf,
} from '../../src/index.ts';

test('a runtime made from another one has its telemetry once', () => {
  const runtime = createRuntime();
  const copy = createRuntime({ ...runtime, random: () => 0.5 });
  expect(runtime.telemetry).toHaveLength(2);
  expect(copy.telemetry).toEqual(runtime.telemetry);
  expect(metricsOf(copy)).toBe(metricsOf(runtime));
});

test('watchers stand inside of the usual telemetry, and each of that can be turned off', () => {
  const own: Telemetry = {};
  expect(createRuntime({ watchers: [own] }).telemetry.at(-1)).toBe(own);
  const bare = createRuntime({ metrics: false, tracing: false, watchers: [own] });
  expect(bare.telemetry).toEqual([own]);
  expect(createRuntime({ telemetry: [] }).telemetry).toEqual([]);
});

test('telemetry and what it stands in place of are not taken together', () => {
  const make = (): unknown => createRuntime({ ...createRuntime(), metrics: false });
  expect(make).toThrow(ConfigError);
  expect(make).toThrow("either 'telemetry', which is all that watches, or 'metrics'");
});

test('a closed channel takes its clients along', async () => {
  const runtime = createRuntime();
  const channel = createChannel('static:///127.0.0.1:1', { runtime });
  for (let index = 0; index < 10; index++) createClient(ShapesServiceDefinition, channel);
  expect([...runtime.parts]).toHaveLength(11);
  await channel[Symbol.asyncDispose]();
  expect([...runtime.parts]).toEqual([]);
});
