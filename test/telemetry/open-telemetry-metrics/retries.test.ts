import { expect, test } from 'vitest';

import type { MethodPolicy } from '../../../src/index.ts';
import { openTelemetryMetrics, ServerError, Status, StatusError } from '../../../src/index.ts';
import { inMemoryTransport, testRuntime } from '../../../src/testing/index.ts';
import type { ShapesImplementation } from '../../support/harness.ts';
import { deferred, startPair } from '../../support/harness.ts';
import type { Measured } from './measured.ts';
import { measured } from './measured.ts';

const NAME = 'grpc.client.call';
const METHOD = 'inboard.testing.v1.ShapesService/UnarySafe';

/** A pair in memory, whose time stands still and whose retries are measured. */
async function startMeasured(
  unarySafe: ShapesImplementation['unarySafe'],
  defaults: MethodPolicy,
  retries = true,
) {
  const sdk = measured();
  const runtime = testRuntime({
    telemetry: [openTelemetryMetrics({ meterProvider: sdk.provider, retries })],
    random: () => 0.5,
  });
  const pair = await startPair(
    { unarySafe },
    {
      runtime: { ...runtime, log: runtime.logger.entries },
      transport: inMemoryTransport(),
      client: { defaults: { breaker: false, ...defaults }, ejection: false },
    },
  );
  const advance = async (ms: number): Promise<void> => {
    await settled();
    runtime.clock.advance(ms);
    await settled();
  };
  return { ...pair, sdk, advance };
}

/** Lets everything go on that waits for no clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

async function retryNames(sdk: Measured): Promise<string[]> {
  return (await sdk.names()).filter(
    (name) => name.startsWith(`${NAME}.`) && !name.endsWith('.duration'),
  );
}

const unavailable = (): Error => new ServerError(Status.UNAVAILABLE, 'not now');

test('retries, and the time in which no attempt was under way', async () => {
  let failures = 2;
  const flaky = async () => {
    if (failures-- > 0) throw unavailable();
    return {};
  };
  const retry = { backoff: { initialMs: 100, multiplier: 1, maxMs: 100 } };
  await using pair = await startMeasured(flaky, { retry });
  const called = pair.client.unarySafe({});
  await pair.advance(50);
  await pair.advance(50);
  await called;
  await pair.client.unarySafe({});
  const labels = { 'grpc.method': METHOD, 'grpc.target': pair.target };
  const { sdk } = pair;
  // The call that needed none is not recorded.
  expect(await sdk.points(`${NAME}.retries`)).toEqual([
    { labels, count: 1, sum: 2, boundaries: [1, 2, 3, 4, 5] },
  ]);
  expect(await sdk.points(`${NAME}.retry_delay`)).toMatchObject([{ labels, count: 1, sum: 0.1 }]);
  expect(await retryNames(sdk)).toEqual([`${NAME}.retries`, `${NAME}.retry_delay`]);
});

test('a transparent retry is no retry', async () => {
  let refusals = 1;
  const refusing = async () => {
    if (refusals-- > 0) {
      throw new StatusError({ code: Status.UNAVAILABLE, details: 'not here', processed: 'no' });
    }
    return {};
  };
  await using pair = await startMeasured(refusing, {});
  await pair.client.unarySafe({});
  const { sdk } = pair;
  expect(await sdk.points(`${NAME}.transparent_retries`)).toMatchObject([
    { count: 1, sum: 1, boundaries: [1, 2, 3, 4, 5, 10] },
  ]);
  expect(await retryNames(sdk)).toEqual([`${NAME}.transparent_retries`]);
});

test('a hedge is no retry', async () => {
  const first = deferred();
  let calls = 0;
  const slow = async () => {
    if (++calls === 1) await first.promise;
    return {};
  };
  await using pair = await startMeasured(slow, { hedge: { delayMs: 20, extra: 1 } });
  const called = pair.client.unarySafe({});
  await pair.advance(20);
  await called;
  first.resolve();
  const { sdk } = pair;
  expect(await sdk.points(`${NAME}.hedges`)).toMatchObject([{ count: 1, sum: 1 }]);
  expect(await retryNames(sdk)).toEqual([`${NAME}.hedges`]);
  const ended = await sdk.points('grpc.client.attempt.duration');
  expect(new Set(ended.map(({ labels }) => labels['grpc.status']))).toEqual(
    new Set(['CANCELLED', 'OK']),
  );
});

test('nothing of it where it is not asked for', async () => {
  let failures = 1;
  const flaky = async () => {
    if (failures-- > 0) throw unavailable();
    return {};
  };
  const retry = { backoff: { initialMs: 100, multiplier: 1, maxMs: 100 } };
  await using pair = await startMeasured(flaky, { retry }, false);
  const called = pair.client.unarySafe({});
  await pair.advance(50);
  await called;
  expect(await pair.sdk.points('grpc.client.attempt.started')).toMatchObject([{ value: 2 }]);
  expect(await retryNames(pair.sdk)).toEqual([]);
});
