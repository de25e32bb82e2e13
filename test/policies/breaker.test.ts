import { describe, expect, test } from 'vitest';

import { Breaker } from '../../src/policies/breaker.ts';
import type { BreakerPolicy } from '../../src/policies/policy.ts';
import { DEFAULT_BREAKER } from '../../src/policies/policy.ts';
import { ManualClock, seededRandom } from '../../src/testing/index.ts';

const HALF = (): number => 0.5;

function make(policy: Partial<BreakerPolicy> = {}, random: () => number = HALF) {
  const clock = new ManualClock(1_000);
  return { clock, breaker: new Breaker({ ...DEFAULT_BREAKER, ...policy }, clock, random) };
}

function succeed(breaker: Breaker, times: number): void {
  for (let n = 0; n < times; n++) breaker.onSuccess(breaker.tryAcquire());
}

function fail(breaker: Breaker, times: number): void {
  for (let n = 0; n < times; n++) breaker.onFailure(breaker.tryAcquire());
}

describe('closed', () => {
  test('opens at half the calls failed, from 20 calls on', () => {
    const { breaker } = make();
    succeed(breaker, 10);
    fail(breaker, 9);
    expect(breaker.state).toBe('closed');
    fail(breaker, 1);
    expect(breaker.state).toBe('open');
    expect(breaker.tryAcquire()).toBe(0);
  });

  test('stays closed below that share, however many calls', () => {
    const { breaker } = make();
    for (let round = 0; round < 1_000; round++) {
      succeed(breaker, 11);
      fail(breaker, 9);
    }
    expect(breaker.state).toBe('closed');
  });

  test('stays closed below 20 calls, even if all of them fail', () => {
    const { breaker } = make();
    fail(breaker, 19);
    expect(breaker.state).toBe('closed');
  });

  test('forgets what is older than its window', () => {
    const { breaker, clock } = make();
    fail(breaker, 19);
    clock.advance(10_000);
    fail(breaker, 19);
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot()).toMatchObject({ calls: 19, failures: 19 });
  });

  test('neutral calls count nowhere', () => {
    const { breaker } = make();
    for (let n = 0; n < 100; n++) breaker.onNeutral(breaker.tryAcquire());
    expect(breaker.snapshot()).toMatchObject({ calls: 0, failures: 0 });
    fail(breaker, 19);
    expect(breaker.state).toBe('closed');
  });
});

describe('open', () => {
  test('refuses for 2 s, then lets a probe through', () => {
    const { breaker, clock } = make();
    fail(breaker, 20);
    expect([breaker.openedAtMs, breaker.nextProbeAtMs]).toEqual([1_000, 3_000]);
    clock.advance(1_999);
    expect(breaker.tryAcquire()).toBe(0);
    clock.advance(1);
    expect(breaker.tryAcquire()).not.toBe(0);
    expect(breaker.state).toBe('half_open');
  });

  test('the time is spread by 20 % both ways', () => {
    const random = seededRandom(11);
    const times = Array.from({ length: 200 }, () => {
      const { breaker } = make({}, random);
      fail(breaker, 20);
      return breaker.nextProbeAtMs - breaker.openedAtMs;
    });
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1_600);
    expect(Math.min(...times)).toBeLessThan(1_650);
    expect(Math.max(...times)).toBeLessThanOrEqual(2_400);
    expect(Math.max(...times)).toBeGreaterThan(2_350);
  });

  test('doubles with every failed probe up to 10 s, and starts over after it has closed', () => {
    const { breaker, clock } = make();
    fail(breaker, 20);
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      times.push(breaker.nextProbeAtMs - clock.now());
      clock.advance(breaker.nextProbeAtMs - clock.now());
      fail(breaker, 1);
      expect(breaker.state).toBe('open');
    }
    expect(times).toEqual([2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(breaker.openedAtMs).toBe(1_000);
    clock.advance(10_000);
    succeed(breaker, 3);
    expect(breaker.state).toBe('closed');
    fail(breaker, 20);
    expect(breaker.nextProbeAtMs - clock.now()).toBe(2_000);
    expect(breaker.openedAtMs).toBe(clock.now());
    expect(breaker.snapshot().timesOpened).toBe(2);
  });

  test('an endpoint that comes up lets probes through at once', () => {
    const { breaker } = make();
    breaker.endpointUp();
    expect(breaker.state).toBe('closed');
    fail(breaker, 20);
    breaker.endpointUp();
    expect(breaker.state).toBe('half_open');
    succeed(breaker, 3);
    expect(breaker.state).toBe('closed');
  });

  test('what calls of before come to changes nothing', () => {
    const { breaker, clock } = make();
    const before = Array.from({ length: 30 }, () => breaker.tryAcquire());
    fail(breaker, 20);
    for (const token of before) breaker.onSuccess(token);
    expect(breaker.state).toBe('open');
    for (const token of before) breaker.onFailure(token);
    expect(breaker.nextProbeAtMs - clock.now()).toBe(2_000);
  });
});

describe('half-open', () => {
  function halfOpen(policy: Partial<BreakerPolicy> = {}) {
    const made = make(policy);
    const { breaker, clock } = made;
    const stale = Array.from({ length: 5 }, () => breaker.tryAcquire());
    fail(breaker, 20);
    clock.advance(2_000);
    return { ...made, stale };
  }

  test('lets three calls through at a time and closes after three successes', () => {
    const { breaker } = halfOpen();
    const probes = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    expect(probes).not.toContain(0);
    expect(breaker.tryAcquire()).toBe(0);
    breaker.onSuccess(probes[0] ?? 0);
    const fourth = breaker.tryAcquire();
    expect(fourth).not.toBe(0);
    expect(breaker.tryAcquire()).toBe(0);
    breaker.onSuccess(probes[1] ?? 0);
    expect(breaker.state).toBe('half_open');
    breaker.onSuccess(probes[2] ?? 0);
    expect(breaker.state).toBe('closed');
    // The fourth was a probe: it is none of the calls of the closed state.
    breaker.onFailure(fourth);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  test('opens again at the first failure', () => {
    const { breaker, clock } = halfOpen();
    const [first, second] = [breaker.tryAcquire(), breaker.tryAcquire()];
    breaker.onSuccess(first);
    breaker.onFailure(second);
    expect(breaker.state).toBe('open');
    expect(breaker.nextProbeAtMs - clock.now()).toBe(4_000);
  });

  test('successes of before a reopening do not count', () => {
    const { breaker, clock } = halfOpen();
    succeed(breaker, 2);
    fail(breaker, 1);
    clock.advance(4_000);
    succeed(breaker, 2);
    expect(breaker.state).toBe('half_open');
    succeed(breaker, 1);
    expect(breaker.state).toBe('closed');
  });

  test('calls of the closed state neither close nor reopen it, nor free a probe', () => {
    const { breaker, stale } = halfOpen();
    for (let n = 0; n < 3; n++) breaker.tryAcquire();
    for (const token of stale) breaker.onSuccess(token);
    expect(breaker.state).toBe('half_open');
    for (const token of stale) breaker.onFailure(token);
    for (const token of stale) breaker.onNeutral(token);
    expect(breaker.state).toBe('half_open');
    expect(breaker.tryAcquire()).toBe(0);
  });

  test('a neutral probe frees its place and shows nothing', () => {
    const { breaker } = halfOpen({ probes: 1 });
    for (let n = 0; n < 10; n++) breaker.onNeutral(breaker.tryAcquire());
    expect(breaker.state).toBe('half_open');
    expect(breaker.tryAcquire()).not.toBe(0);
    expect(breaker.tryAcquire()).toBe(0);
  });

  test('probes that never answer do not keep it half-open for ever', () => {
    const { breaker, clock } = halfOpen();
    const silent = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    clock.advance(9_999);
    expect(breaker.tryAcquire()).toBe(0);
    clock.advance(1);
    const again = breaker.tryAcquire();
    expect(again).not.toBe(0);
    // They may answer after all.
    for (const token of silent) breaker.onSuccess(token);
    expect(breaker.state).toBe('closed');
  });
});

describe('configure', () => {
  test('keeps state and counts', () => {
    const { breaker } = make();
    fail(breaker, 10);
    breaker.configure({ ...DEFAULT_BREAKER, minCalls: 11, windowMs: 60_000 });
    expect(breaker.snapshot()).toMatchObject({ calls: 10, failures: 10 });
    fail(breaker, 1);
    expect(breaker.state).toBe('open');
    breaker.configure({ ...DEFAULT_BREAKER, openMs: 100 });
    expect(breaker.state).toBe('open');
    expect(breaker.nextProbeAtMs).toBe(3_000);
  });

  test.each([
    ['failureRatio', 0, 'breaker.failureRatio is 0: give a number above 0 and up to 1'],
    ['failureRatio', 1.1, 'breaker.failureRatio is 1.1: give a number above 0 and up to 1'],
    ['windowMs', 10, 'breaker.windowMs is 10: give a number of 100 or more'],
    ['minCalls', 1.5, 'breaker.minCalls is 1.5: give a whole number of 1 or more'],
    ['openMs', 0, 'breaker.openMs is 0: give a number of 1 or more'],
    ['maxOpenMs', 1_999, 'breaker.maxOpenMs is 1999: give a number of 2000 or more'],
    ['jitter', 2, 'breaker.jitter is 2: give a number from 0 to 1'],
    ['probes', 0, 'breaker.probes is 0: give a whole number of 1 or more'],
    ['successes', 0, 'breaker.successes is 0: give a whole number of 1 or more'],
  ])('refuses %s = %d and keeps what it has', (key, value, message) => {
    const wrong = { [key]: value };
    expect(() => make(wrong)).toThrow(message);
    const { breaker } = make();
    expect(() => breaker.configure({ ...DEFAULT_BREAKER, ...wrong })).toThrow(message);
    fail(breaker, 20);
    expect(breaker.nextProbeAtMs - breaker.openedAtMs).toBe(2_000);
  });
});

test('a snapshot says since when, and when the next probe may go', () => {
  const { breaker, clock } = make();
  succeed(breaker, 2);
  expect(breaker.snapshot()).toEqual({
    state: 'closed',
    calls: 2,
    failures: 0,
    openedAtMs: undefined,
    nextProbeAtMs: undefined,
    timesOpened: 0,
  });
  clock.advance(500);
  fail(breaker, 20);
  expect(breaker.snapshot()).toEqual({
    state: 'open',
    calls: 0,
    failures: 0,
    openedAtMs: 1_500,
    nextProbeAtMs: 3_500,
    timesOpened: 1,
  });
});
