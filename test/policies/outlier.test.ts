import { describe, expect, test } from 'vitest';

import { ConfigError } from '../../src/index.ts';
import type { EjectionPolicy } from '../../src/policies/policy.ts';
import { DEFAULT_EJECTION } from '../../src/policies/policy.ts';
import { OutlierDetector, OutlierHost } from '../../src/policies/outlier.ts';

/** A detector of `size` hosts, at 0 ms; chance is 0.5, so that times are exact. */
function detectorOf(size: number, policy: Partial<EjectionPolicy> = {}, random = () => 0.5) {
  const detector = new OutlierDetector({ ...DEFAULT_EJECTION, ...policy }, 0, random);
  const hosts = Array.from({ length: size }, (_, i) => new OutlierHost(`host ${i}`));
  for (const host of hosts) detector.hosts.add(host);
  return { detector, hosts, host: (i: number) => hosts[i] as OutlierHost };
}

function fail(detector: OutlierDetector, host: OutlierHost, times: number, nowMs = 0) {
  const ejections = [];
  for (let i = 0; i < times; i++) ejections.push(detector.failed(host, nowMs));
  return ejections.filter((ejection) => ejection !== undefined);
}

function succeed(detector: OutlierDetector, host: OutlierHost, times: number): void {
  for (let i = 0; i < times; i++) detector.succeeded(host);
}

describe('failures in a row', () => {
  test('eject at the fifth, and not twice', () => {
    const { detector, host } = detectorOf(3);
    expect(fail(detector, host(0), 4)).toEqual([]);
    expect(fail(detector, host(0), 1)).toEqual([
      { host: host(0), reason: '5 failures in a row', forMs: 30_000 },
    ]);
    expect(fail(detector, host(0), 10)).toEqual([]);
  });

  test('begin anew after a success', () => {
    const { detector, host } = detectorOf(3);
    fail(detector, host(0), 4);
    detector.succeeded(host(0));
    expect(fail(detector, host(0), 4)).toEqual([]);
  });

  test('never eject the only endpoint', () => {
    const { detector, host } = detectorOf(1);
    expect(fail(detector, host(0), 100)).toEqual([]);
  });

  test.each([
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [10, 5],
  ])('eject of %i endpoints %i at most', (size, most) => {
    const { detector, hosts } = detectorOf(size);
    const ejected = hosts.flatMap((host) => fail(detector, host, 5));
    expect(ejected).toHaveLength(most);
  });
});

describe('time ejected', () => {
  test('grows with each ejection, up to its bound', () => {
    const { detector, host } = detectorOf(2);
    const times: number[] = [];
    for (let nowMs = 0; times.length < 12; ) {
      const [ejection] = fail(detector, host(0), 5, nowMs);
      times.push(ejection?.forMs ?? 0);
      nowMs += ejection?.forMs ?? 0;
      expect(detector.nextReturnMs).toBe(nowMs);
      expect(detector.returns(nowMs - 1)).toEqual([]);
      expect(detector.returns(nowMs)).toEqual([host(0)]);
    }
    expect(times.slice(0, 3)).toEqual([30_000, 60_000, 90_000]);
    expect(times.slice(9)).toEqual([300_000, 300_000, 300_000]);
    expect(detector.nextReturnMs).toBeUndefined();
  });

  test.each([
    [0, 24_000],
    [0.9999, 36_000],
  ])('is random by a fifth: %d', (random, expected) => {
    const { detector, host } = detectorOf(2, {}, () => random);
    expect(fail(detector, host(0), 5)[0]?.forMs).toBeCloseTo(expected, -1);
  });

  test('shrinks by one base time a healthy interval, not sooner', () => {
    const { detector, host } = detectorOf(2);
    fail(detector, host(0), 5, 0);
    detector.returns(30_000);
    // Not even one interval since: a replica that flaps gets no discount.
    detector.compare(35_000);
    expect(host(0).multiplier).toBe(1);
    fail(detector, host(0), 5, 36_000);
    expect(host(0).multiplier).toBe(2);
    detector.returns(96_000);
    detector.compare(106_000);
    expect(host(0).multiplier).toBe(1);
    detector.compare(116_000);
    detector.compare(126_000);
    expect(host(0).multiplier).toBe(0);
  });

  test('shrinks also over intervals in which nobody compared', () => {
    const { detector, host } = detectorOf(2);
    for (const nowMs of [0, 30_000, 90_000]) {
      fail(detector, host(0), 5, nowMs);
      detector.returns(Number.MAX_SAFE_INTEGER);
      host(0).backSinceMs = nowMs + 30_000;
    }
    expect(host(0).multiplier).toBe(3);
    detector.compare(400_000);
    expect(host(0).multiplier).toBe(0);
  });
});

test('who is back begins from nothing', () => {
  const { detector, host } = detectorOf(2);
  fail(detector, host(0), 5);
  detector.returns(30_000);
  expect(fail(detector, host(0), 4, 30_000)).toEqual([]);
  expect(host(0)).toMatchObject({ failures: 4, successes: 0, inRow: 4, ejections: 1 });
});

describe('success rate, from five endpoints on', () => {
  /** All flawless but the first, which fails some of 100, never five in a row. */
  const compare = (failures: number, size: number, policy: Partial<EjectionPolicy> = {}) => {
    const { detector, hosts, host } = detectorOf(size, policy);
    for (let i = 0; i < 100; i++) {
      for (const other of hosts.slice(1)) detector.succeeded(other);
      if (i % Math.floor(100 / failures) === 0 && host(0).failures < failures) {
        detector.failed(host(0), 0);
      } else {
        detector.succeeded(host(0));
      }
    }
    return detector.compare(10_000);
  };

  test('ejects one that is far below the others, and says so', () => {
    expect(compare(20, 5)).toMatchObject([
      { host: { name: 'host 0' }, reason: 'success rate 80 %, the mean is 96 %' },
    ]);
  });

  test('ejects nobody for fewer failures than would in a row', () => {
    expect(compare(4, 5)).toEqual([]);
  });

  test('is not compared where endpoints are few, whose percentage counts instead', () => {
    expect(compare(20, 4)).toEqual([]);
  });

  test('is not compared where all fail alike', () => {
    const { detector, hosts } = detectorOf(6);
    for (const host of hosts) {
      for (let i = 0; i < 20; i++) {
        fail(detector, host, 4);
        detector.succeeded(host);
      }
    }
    expect(detector.compare(10_000)).toEqual([]);
  });
});

describe('failure percentage, below five endpoints', () => {
  const compare = (
    rates: readonly (readonly [failures: number, successes: number])[],
    policy: Partial<EjectionPolicy> = {},
  ): string[] => {
    const { detector, hosts } = detectorOf(rates.length, { consecutiveFailures: 1_000, ...policy });
    for (const [i, [failures, successes]] of rates.entries()) {
      fail(detector, hosts[i] as OutlierHost, failures);
      succeed(detector, hosts[i] as OutlierHost, successes);
    }
    return detector.compare(10_000).map(({ host, reason }) => `${host.name}: ${reason}`);
  };

  test('ejects from half on, while the others do better', () => {
    expect(
      compare([
        [50, 50],
        [0, 100],
        [5, 95],
      ]),
    ).toEqual(['host 0: 50 % of 100 calls failed']);
    expect(
      compare([
        [49, 51],
        [0, 100],
        [5, 95],
      ]),
    ).toEqual([]);
  });

  test('ejects nobody where the others fail, too', () => {
    expect(
      compare([
        [90, 10],
        [60, 40],
        [70, 30],
      ]),
    ).toEqual([]);
    expect(
      compare([
        [90, 10],
        [60, 40],
      ]),
    ).toEqual([]);
  });

  test('needs enough calls of it and of others', () => {
    expect(
      compare([
        [19, 0],
        [0, 100],
      ]),
    ).toEqual([]);
    expect(
      compare([
        [50, 0],
        [0, 19],
      ]),
    ).toEqual([]);
    expect(
      compare([
        [20, 0],
        [0, 20],
      ]),
    ).toEqual(['host 0: 100 % of 20 calls failed']);
  });

  test('counts anew after each comparison', () => {
    const { detector, host } = detectorOf(2, { consecutiveFailures: 1_000 });
    fail(detector, host(0), 15);
    succeed(detector, host(1), 50);
    expect(detector.isDue(9_999)).toBe(false);
    expect(detector.isDue(10_000)).toBe(true);
    detector.compare(10_000);
    expect(detector.isDue(10_001)).toBe(false);
    fail(detector, host(0), 15);
    succeed(detector, host(1), 50);
    expect(detector.compare(20_000)).toEqual([]);
  });
});

test('a changed policy leaves who is ejected where he is', () => {
  const { detector, host } = detectorOf(4);
  fail(detector, host(0), 5);
  detector.configure({ ...DEFAULT_EJECTION, consecutiveFailures: 2, baseMs: 1_000 }, 100);
  expect(detector.nextReturnMs).toBe(30_000);
  expect(fail(detector, host(1), 2, 100)).toMatchObject([{ forMs: 1_000 }]);
});

test('a base above the bound raises it', () => {
  const { detector, host } = detectorOf(2, { baseMs: 400_000 });
  expect(fail(detector, host(0), 5)[0]?.forMs).toBe(400_000);
});

test.each([
  ['consecutiveFailures', 0],
  ['consecutiveFailures', 1.5],
  ['intervalMs', -1],
  ['baseMs', Number.NaN],
  ['maxPercent', 101],
  ['jitter', 2],
  ['minHosts', 0],
])('%s of %d is refused by name', (key, value) => {
  expect(() => detectorOf(1, { [key]: value })).toThrow(ConfigError);
  expect(() => detectorOf(1, { [key]: value })).toThrow(`ejection.${key} is ${value}`);
});
