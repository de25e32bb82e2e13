import { Metadata } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { ClientCall } from '../../src/core/client-call.ts';
import { Status } from '../../src/core/status.ts';
import { abortStatus, checkFaults, strike } from '../../src/policies/faults.ts';
import type { FaultPolicy, StatusName } from '../../src/policies/policy.ts';
import { seededRandom, testRuntime } from '../../src/testing/index.ts';
import { methodOf } from '../interceptors/layer-call.ts';

function callWith(headers: Record<string, string> = {}): ClientCall {
  const call = new ClientCall(methodOf(), testRuntime(), {});
  call.headers = Metadata(headers);
  return call;
}

describe('strike', () => {
  test.each([
    [0, 0, 0],
    [25, 2_350, 2_650],
    [100, 10_000, 10_000],
  ])('%d per cent of the calls', (percent, atLeast, atMost) => {
    const random = seededRandom(4);
    const faults = [{ percent, delayMs: 1 }];
    const call = callWith();
    let struck = 0;
    for (let n = 0; n < 10_000; n++) if (strike(faults, call, random) !== undefined) struck++;
    expect(struck).toBeGreaterThanOrEqual(atLeast);
    expect(struck).toBeLessThanOrEqual(atMost);
  });

  test('the first fault that applies counts', () => {
    const all: FaultPolicy = { percent: 100, delayMs: 1 };
    const never: FaultPolicy = { percent: 0, delayMs: 2 };
    const chaos: FaultPolicy = { percent: 100, delayMs: 3, header: { name: 'X-Chaos' } };
    const late: FaultPolicy = { percent: 100, delayMs: 4, header: { name: 'x-chaos', value: 'b' } };
    const random = seededRandom(1);
    expect(strike([never, late, chaos, all], callWith({ 'x-chaos': 'a' }), random)).toBe(chaos);
    expect(strike([never, late, chaos, all], callWith({ 'x-chaos': 'b' }), random)).toBe(late);
    expect(strike([never, late, chaos, all], callWith(), random)).toBe(all);
    expect(strike([never, late, chaos], callWith({ other: 'b' }), random)).toBeUndefined();
  });
});

test('an abort has the status that was asked for', () => {
  const abort = { code: 'DATA_LOSS', details: 'torn' } as const;
  expect(abortStatus({ percent: 1, abort })).toEqual({ code: Status.DATA_LOSS, details: 'torn' });
  expect(abortStatus({ percent: 1, abort: { code: 'ABORTED' } })?.details).toMatch(/injected/);
  expect(abortStatus({ percent: 1, delayMs: 1 })).toBeUndefined();
});

describe('checkFaults', () => {
  const abort = { code: 'UNAVAILABLE' } as const;

  test.each<[string, FaultPolicy, string]>([
    ['a share', { percent: 101, delayMs: 1 }, 'faults[1].percent is 101: give a number from 0 to'],
    ['a delay', { percent: 1, delayMs: -1 }, 'faults[1].delayMs is -1: give a number of 0 or more'],
    ['what it does', { percent: 1 }, 'faults[1] does nothing: give it delayMs, abort or both'],
    ['OK', { percent: 1, abort: { code: 'OK' } }, "faults[1].abort.code is 'OK'"],
    [
      'a code',
      { percent: 1, abort: { code: 'NOPE' as StatusName } },
      "faults[1].abort.code is 'NOPE': give the name of an error, as UNAVAILABLE",
    ],
    ['a number', { percent: 1, abort: { code: '14' as StatusName } }, "abort.code is '14'"],
    ['a header', { percent: 1, abort, header: { name: '' } }, "faults[1].header.name is ''"],
    ['bytes', { percent: 1, abort, header: { name: 'a-bin' } }, "header.name is 'a-bin'"],
  ])('refuses %s', (_what, fault, message) => {
    expect(() => checkFaults('faults', [{ percent: 1, abort }, fault])).toThrow(message);
  });

  test('takes a delay, an abort and both', () => {
    const faults = [
      { percent: 0, abort },
      { percent: 100, delayMs: 0 },
      { percent: 0.1, abort, delayMs: 5, header: { name: 'x-chaos', value: '' } },
    ];
    expect(() => checkFaults('faults', faults)).not.toThrow();
  });
});
