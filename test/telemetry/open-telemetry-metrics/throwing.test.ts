import type { MeterProvider } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/api';
import { afterEach, describe, expect, test } from 'vitest';

import type { OpenTelemetryMetricsOptions } from '../../../src/index.ts';
import { createClient, HealthDefinition, ServerError, Status } from '../../../src/index.ts';
import { rejection, startPair } from '../../support/harness.ts';
import { measured, measuredRuntime } from './measured.ts';

const fail = (): never => {
  throw new Error('other people’s code');
};

function providerOf(instrument: object): MeterProvider {
  const create = (): object => instrument;
  return { getMeter: () => ({ createCounter: create, createHistogram: create }) } as never;
}

const CASES: readonly [name: string, options: OpenTelemetryMetricsOptions][] = [
  ['getMeter', { meterProvider: { getMeter: fail } }],
  ['a meter', { meterProvider: { getMeter: () => ({ createCounter: fail }) as never } }],
  ['add', { meterProvider: providerOf({ add: fail, record() {} }) }],
  ['record', { meterProvider: providerOf({ add() {}, record: fail }) }],
  ['recordTarget', { recordTarget: fail }],
];

afterEach(() => metrics.disable());

describe.each(CASES)('where %s throws', (_name, options) => {
  test('calls end as they would, handled once, and the log is told once', async () => {
    const runtime = measuredRuntime({ retries: true, ...options });
    let handled = 0;
    await using pair = await startPair(
      {
        unary: async ({ sample }) => {
          handled++;
          return { sample };
        },
        unarySafe: () => {
          throw new ServerError(Status.NOT_FOUND, 'mine');
        },
      },
      { runtime },
    );
    for (let made = 0; made < 3; made++) await pair.client.unary({});
    expect(handled).toBe(3);
    expect(await rejection(pair.client.unarySafe({}))).toMatchObject({ code: Status.NOT_FOUND });
    expect(pair.log).toHaveLength(1);
    expect(pair.log[0]?.message).toMatch(/^OpenTelemetry metrics threw/);
  });
});

test('a function of the options that throws names nothing', async () => {
  const sdk = measured();
  const options = { recordTarget: fail, recordUnknownMethod: fail };
  const runtime = measuredRuntime({ ...options, meterProvider: sdk.provider });
  await using pair = await startPair({}, { runtime, server: { health: false } });
  await pair.client.unary({});
  await using stray = createClient(HealthDefinition, pair.target);
  expect(await rejection(stray.check({}))).toMatchObject({ code: Status.UNIMPLEMENTED });
  const targets = await sdk.points('grpc.client.call.duration');
  expect(targets.map(({ labels }) => labels['grpc.target'])).toEqual(['other']);
  const methods = await sdk.points('grpc.server.call.duration');
  expect(methods.map(({ labels }) => labels['grpc.method'])).toContain('other');
});

test('a provider that throws does not get the instruments of the one before', async () => {
  const sdk = measured();
  metrics.setGlobalMeterProvider(sdk.provider);
  const runtime = measuredRuntime({});
  await using pair = await startPair({}, { runtime });
  await pair.client.unary({});
  metrics.disable();
  metrics.setGlobalMeterProvider({ getMeter: fail });
  await pair.client.unary({});
  await pair.client.unary({});
  expect(await sdk.points('grpc.server.call.started')).toMatchObject([{ value: 1 }]);
});
