import { describe, expect, test } from 'vitest';

import { ServerError, Status } from '../../../src/index.ts';
import type { Pair } from '../../support/harness.ts';
import { rejection, startPair } from '../../support/harness.ts';
import { callHeaders, rawClient, statusOf } from '../../support/raw-http2.ts';
import { metricsIn, scrape, SERVICE, seriesOf } from './exposition.ts';
import { holding } from './holding.ts';

const UNARY = `/${SERVICE}/Unary`;

async function serverSettled(pair: Pair): Promise<void> {
  const { servers } = metricsIn(pair.runtime);
  await expect.poll(() => [...servers.values()].every(({ inFlight }) => inFlight === 0)).toBe(true);
}

describe('servers', () => {
  test('connections and draining', async () => {
    const { unary, begun, go } = holding();
    const pair = await startPair({ unary });
    const call = pair.client.unary({});
    await expect.poll(() => begun() === 1).toBe(true);
    const before = await scrape(pair.runtime);
    expect(before.series.get('inboard_server_connections')).toBe(1);
    expect(before.series.get('inboard_server_draining')).toBe(0);
    const end = pair.server.shutdown({ propagationMs: 0, graceMs: 5_000 });
    expect((await scrape(pair.runtime)).series.get('inboard_server_draining')).toBe(1);
    go();
    await call;
    await end;
    expect((await scrape(pair.runtime)).series.has('inboard_server_draining')).toBe(false);
    await pair[Symbol.asyncDispose]();
  });

  test('a bulkhead, and what it sheds', async () => {
    const { unary, begun, go } = holding();
    const methods = { [`${SERVICE}/Unary`]: { bulkhead: { limit: 1, queue: 1 } } };
    const client = { defaults: { retry: { attempts: 1 } } };
    await using pair = await startPair({ unary }, { server: { methods }, client });
    const calls = [pair.client.unary({})];
    await expect.poll(() => begun() === 1).toBe(true);
    calls.push(pair.client.unary({}));
    const queued = `inboard_server_bulkhead_queued{grpc_service="${SERVICE}",grpc_method="Unary"}`;
    await expect.poll(async () => (await scrape(pair.runtime)).series.get(queued) === 1).toBe(true);
    await rejection(pair.client.unary({}));
    const found = await scrape(pair.runtime);
    expect(seriesOf(found, 'Unary')).toMatchObject({
      inboard_server_bulkhead_in_use: 1,
      inboard_server_bulkhead_queued: 1,
      inboard_server_shed_total: 1,
      inboard_server_in_flight: 2,
      'grpc_server_handled_total{grpc_code="ResourceExhausted"}': 1,
    });
    go();
    await Promise.all(calls);
  });

  test('RESOURCE_EXHAUSTED that a handler gives is not shed', async () => {
    const unary = async (): Promise<never> => {
      throw new ServerError(Status.RESOURCE_EXHAUSTED, 'the quota is used up');
    };
    await using pair = await startPair({ unary });
    await rejection(pair.client.unary({}));
    await serverSettled(pair);
    expect(seriesOf(await scrape(pair.runtime), 'Unary')).toMatchObject({
      inboard_server_shed_total: 0,
      'grpc_server_handled_total{grpc_code="ResourceExhausted"}': 1,
    });
  });

  test('the time that calls have left: some, none at all, and no deadline', async () => {
    await using pair = await startPair();
    await using raw = rawClient(pair.port);
    await pair.client.unary({}, { timeoutMs: 20_000 });
    const expired = await raw.send(callHeaders(UNARY, { 'grpc-timeout': '0n' }));
    expect(statusOf(expired).code).toBe(Status.DEADLINE_EXCEEDED);
    await raw.send(callHeaders(UNARY));
    const malformed = await raw.send(callHeaders(UNARY, { 'grpc-timeout': 'soon' }));
    expect(statusOf(malformed).code).toBe(Status.INTERNAL);
    await serverSettled(pair);
    const name = 'inboard_server_deadline_remaining_seconds';
    const found = seriesOf(await scrape(pair.runtime), 'Unary');
    expect(found).toMatchObject({
      [`${name}_count`]: 2,
      [`${name}_bucket{le="0.01"}`]: 1,
      [`${name}_bucket{le="10"}`]: 1,
      [`${name}_bucket{le="30"}`]: 2,
      grpc_server_started_total: 4,
    });
    expect(found[`${name}_sum`]).toBeGreaterThan(15);
    expect(found[`${name}_sum`]).toBeLessThanOrEqual(20);
  });
});
