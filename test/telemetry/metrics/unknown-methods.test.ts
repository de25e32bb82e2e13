import { expect, test } from 'vitest';

import { Status } from '../../../src/index.ts';
import { startPair } from '../../support/harness.ts';
import type { RawClient } from '../../support/raw-http2.ts';
import { callHeaders, rawClient, statusOf } from '../../support/raw-http2.ts';
import { metricsIn, scrape, seriesOf } from './exposition.ts';

const CALLS = 10_000;
/** At a time, below what the server lets one connection open. */
const BATCH = 200;

/** Calls methods that nobody serves, each another one; returns the codes that came. */
async function callUnknown(client: RawClient, count: number): Promise<Set<number>> {
  const codes = new Set<number>();
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) =>
      client.send(callHeaders(`/no.such.Service${from + index}/Method${index}`)),
    );
    for (const response of await Promise.all(batch)) codes.add(statusOf(response).code);
  }
  return codes;
}

test('10 000 methods that nobody serves are one label set', async () => {
  await using pair = await startPair();
  await using raw = rawClient(pair.port);
  await callUnknown(raw, 1);
  const { servers } = metricsIn(pair.runtime);
  await expect.poll(() => servers.get('/unknown/unknown')?.ended === 1).toBe(true);
  const before = await scrape(pair.runtime);
  expect(await callUnknown(raw, CALLS)).toEqual(new Set([Status.UNIMPLEMENTED]));
  await expect.poll(() => servers.get('/unknown/unknown')?.inFlight === 0).toBe(true);
  const after = await scrape(pair.runtime);
  expect(after.series.size - before.series.size).toBe(0);
  expect(servers.size).toBe(1);
  // Whoever calls them hides no failure of a method that there is.
  expect(metricsIn(pair.runtime).recent.failed()).toHaveLength(1);
  expect(seriesOf(after, 'unknown')).toMatchObject({
    grpc_server_started_total: CALLS + 1,
    'grpc_server_handled_total{grpc_code="Unimplemented"}': CALLS + 1,
  });
  const labels = 'grpc_type="unary",grpc_service="unknown",grpc_method="unknown"';
  expect(after.series.get(`grpc_server_started_total{${labels}}`)).toBe(CALLS + 1);
}, 60_000);
