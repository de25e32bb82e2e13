import { describe, expect, test } from 'vitest';

import { createRuntime, RejectedError, ServerError, Status } from '../../../src/index.ts';
import { recordingLogger, testPair } from '../../../src/testing/index.ts';
import { ShapesServiceDefinition } from '../../../generated/inboard/testing/v1/shapes.ts';
import { rejection, startPair } from '../../support/harness.ts';
import { shapes } from '../../support/shapes-service.ts';
import { changingPolicy } from '../../client/changing-policy.ts';
import type { Exposition } from './exposition.ts';
import { metricsIn, scrape, SERVICE, seriesOf } from './exposition.ts';
import { holding } from './holding.ts';

const METHOD = `grpc_service="${SERVICE}",grpc_method="Unary"`;

const unavailable = async (): Promise<never> => {
  throw new ServerError(Status.UNAVAILABLE, 'not now');
};

describe('clients', () => {
  test('attempts and retries; they stay when the client is closed', async () => {
    await using pair = await startPair({ unarySafe: unavailable });
    const backoff = { initialMs: 1, multiplier: 1, maxMs: 1, jitter: 0 };
    const client = pair.connect({ defaults: { retry: { attempts: 3, backoff } } });
    await rejection(client.unarySafe({}));
    const counted = {
      inboard_client_attempts_total: 3,
      inboard_client_retries_total: 2,
      inboard_client_transparent_retries_total: 0,
      inboard_client_hedges_total: 0,
      inboard_client_retries_over_budget_total: 0,
    };
    expect(seriesOf(await scrape(pair.runtime), 'UnarySafe')).toMatchObject(counted);
    await client[Symbol.asyncDispose]();
    expect(seriesOf(await scrape(pair.runtime), 'UnarySafe')).toMatchObject(counted);
    const [failed] = metricsIn(pair.runtime).recent.failed();
    expect(failed).toMatchObject({ side: 'client', attempts: 3, peer: `127.0.0.1:${pair.port}` });
  });

  test('hedges', async () => {
    const { unary, go } = holding();
    await using pair = await startPair({ unarySafe: unary });
    const hedge = { delayMs: 1, extra: 2 };
    const client = pair.connect({ defaults: { hedge } });
    const call = client.unarySafe({});
    const totals = (): number | undefined =>
      metricsIn(pair.runtime).attemptTotals().get(`/${SERVICE}/UnarySafe`)?.hedges;
    await expect.poll(() => totals() === 2).toBe(true);
    go();
    await call;
    expect(seriesOf(await scrape(pair.runtime), 'UnarySafe')).toMatchObject({
      inboard_client_attempts_total: 3,
      inboard_client_retries_total: 0,
      inboard_client_hedges_total: 2,
      grpc_client_started_total: 1,
      grpc_client_msg_received_total: 1,
    });
  });

  test('a circuit that opens, and the calls that it refuses', async () => {
    await using pair = await startPair({ unary: unavailable });
    const breaker = { minCalls: 2, openMs: 60_000, maxOpenMs: 60_000 };
    const client = pair.connect({ defaults: { breaker } });
    const target = `target="${pair.target}"`;
    const circuit = (found: Exposition): (number | undefined)[] => [
      found.series.get(`inboard_client_circuit_state{${METHOD},${target}}`),
      found.series.get(`inboard_client_circuit_opened_total{${METHOD},${target}}`),
    ];
    expect(circuit(await scrape(pair.runtime))).toEqual([0, 0]);
    await rejection(client.unary({}));
    await rejection(client.unary({}));
    for (let count = 0; count < 3; count++) {
      expect(await rejection(client.unary({}))).toBeInstanceOf(RejectedError);
    }
    const found = await scrape(pair.runtime);
    expect(circuit(found)).toEqual([2, 1]);
    expect(seriesOf(found, 'Unary')).toMatchObject({
      'inboard_client_rejected_total{reason="circuit_open"}': 3,
      'grpc_client_handled_total{grpc_code="Unavailable"}': 5,
      grpc_server_started_total: 2,
    });
    await client[Symbol.asyncDispose]();
    // The pair's own client is left, whose circuit is closed.
    expect(circuit(await scrape(pair.runtime))).toEqual([0, 1]);
  });

  test('a breaker that a policy takes off and puts on again has opened all the same', async () => {
    const breaker = { minCalls: 2, openMs: 60_000, maxOpenMs: 60_000 };
    const { source, change } = changingPolicy({ defaults: { breaker } });
    const defaults = { retry: false as const };
    await using pair = await startPair(
      { unary: unavailable },
      { client: { policy: source, defaults } },
    );
    const opened = `inboard_client_circuit_opened_total{${METHOD},target="${pair.target}"}`;
    const count = async (): Promise<number | undefined> =>
      (await scrape(pair.runtime)).series.get(opened);
    const openIt = async (): Promise<void> => {
      for (let call = 0; call < 2; call++) await rejection(pair.client.unary({}));
    };
    await openIt();
    expect(await count()).toBe(1);
    change({ defaults: { breaker: false } });
    expect(await count()).toBe(1);
    change({ defaults: { breaker } });
    expect(await count()).toBe(1);
    await openIt();
    expect(await count()).toBe(2);
  });

  test('what other limits of this process refuse', async () => {
    const { unary, begun, go } = holding();
    await using pair = await startPair({ unary });
    const client = pair.connect({ defaults: { bulkhead: { limit: 1 } } });
    const first = client.unary({});
    await expect.poll(() => begun() === 1).toBe(true);
    await rejection(client.unary({}));
    go();
    await first;
    await client[Symbol.asyncDispose]();
    await rejection(client.unary({}));
    expect(seriesOf(await scrape(pair.runtime), 'Unary')).toMatchObject({
      'inboard_client_rejected_total{reason="bulkhead_full"}': 1,
      'inboard_client_rejected_total{reason="channel_closed"}': 1,
      grpc_client_started_total: 3,
      inboard_client_in_flight: 0,
    });
  });
});

test('clients and servers of a runtime share its metrics, other runtimes have their own', async () => {
  const logger = recordingLogger();
  const runtime = createRuntime({ logger });
  await using pair = await testPair(ShapesServiceDefinition, shapes, { runtime });
  const second = pair.connect();
  await pair.client.unary({});
  await second.unary({});
  expect(seriesOf(await scrape(runtime), 'Unary')).toMatchObject({ grpc_client_started_total: 2 });
  const other = createRuntime({ logger });
  expect(seriesOf(await scrape(other), 'Unary')).toEqual({});
});
