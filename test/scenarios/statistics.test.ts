import { expect, test } from 'vitest';

import { Status } from '../../src/index.ts';
import { growth, flatness } from './harness/flatness.ts';
import type { Gauges } from './harness/protocol.ts';
import { type CallRecord, Calls, densest, quantile } from './harness/records.ts';
import { arrivalsBetween, shareOf, worstDeviation } from './harness/shares.ts';

function record(fields: Partial<CallRecord>): CallRecord {
  return {
    method: 'read',
    scheduledMs: 0,
    latencyMs: 1,
    code: Status.OK,
    details: '',
    attempts: 1,
    longestAttemptMs: 1,
    endpoint: '',
    server: 'a',
    tenant: '',
    ...fields,
  };
}

test('quantiles are exact, by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_each, index) => 100 - index);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile(values, 1)).toBe(100);
  expect(quantile(values, 0)).toBe(1);
  expect(quantile([7], 0.5)).toBe(7);
  expect(quantile([], 0.5)).toBeNaN();
});

test('the densest window is found wherever it begins', () => {
  expect(densest([], 100)).toBe(0);
  expect(densest([0, 100, 200], 100)).toBe(1);
  expect(densest([500, 0, 99, 50, 300], 100)).toBe(3);
  // No fixed buckets: these three lie around a border of them.
  expect(densest([80, 95, 110, 300], 100)).toBe(3);
});

test('calls are counted by method, by time and by outcome', () => {
  const calls = new Calls([
    record({ scheduledMs: 10 }),
    record({ scheduledMs: 20, code: Status.UNAVAILABLE, details: 'gone' }),
    record({ scheduledMs: 30, method: 'write', code: Status.UNAVAILABLE, details: 'gone' }),
    record({ scheduledMs: 40, method: 'price', attempts: 3 }),
  ]);
  expect(calls.failed.count).toBe(2);
  expect(calls.idempotent.failed.count).toBe(1);
  expect(calls.between(20, 40).count).toBe(2);
  expect(calls.of('read', 'price').count).toBe(3);
  expect(calls.successRatio).toBe(0.5);
  expect(calls.attempts).toBe(6);
  expect(calls.failures()).toEqual(['2 × UNAVAILABLE: gone (attempts: 1)']);
  expect(calls.between(1_000).successRatio).toBe(1);
});

test('shares are of what arrived in the window', () => {
  const arrivals = arrivalsBetween(
    [
      { name: 'a', arrivals: { read: [1, 5, 9], write: [6] }, accepted: [], relays: [] },
      { name: 'b', arrivals: { read: [6] }, accepted: [], relays: [] },
    ],
    5,
    9,
  );
  expect([...arrivals]).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(shareOf(arrivals, 'b')).toBeCloseTo(1 / 3);
  expect(worstDeviation(arrivals)).toBeCloseTo(1 / 3);
  expect(shareOf(new Map(), 'b')).toBeNaN();
});

const MEGABYTE = 1024 * 1024;

function gauges(heapMegabytes: number, handles: number = 1): Gauges {
  return { heapBytes: heapMegabytes * MEGABYTE, timers: 0, handles, files: 20 };
}

test('growth is measured from the warm process on', () => {
  const grown = growth([gauges(5), gauges(20), gauges(21), gauges(22)]);
  expect(grown).toEqual({ heapBytes: 2 * MEGABYTE, timers: 0, handles: 0, files: 0 });
});

test('a heap, a handle that grows is told; a process used twice proves nothing', () => {
  const flat = flatness([{ role: 'server', gauges: [gauges(5), gauges(20), gauges(21)] }]);
  expect(flat.problems).toEqual([]);
  expect(flat.lines).toHaveLength(1);
  const leaking = flatness([
    { role: 'server', gauges: [gauges(5), gauges(20), gauges(40)] },
    { role: 'load', gauges: [gauges(5), gauges(5), gauges(5, 2)] },
  ]);
  expect(leaking.problems).toEqual([
    'the heap of a server process is not flat',
    'handles of a load process grow',
  ]);
  expect(flatness([{ role: 'server', gauges: [gauges(5), gauges(90)] }]).lines).toEqual([]);
});
