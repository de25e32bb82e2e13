import { describe, expect, test } from 'vitest';

import { EndpointLoad, ChannelLoad } from '../../src/policies/endpoint-load.ts';
import { cheapest } from '../../src/channel/pickers/cheapest.ts';
import { seededRandom } from '../../src/testing/index.ts';

/** One unary call that takes `ms`. */
function call(load: EndpointLoad, atMs: number, ms: number): void {
  load.begin(atMs, true);
  load.end('answered', atMs, atMs + ms, true);
}

/** An endpoint among others whose calls typically take 10 ms. */
function among10() {
  const typical = new ChannelLoad();
  typical.observe(10);
  return { typical, load: new EndpointLoad(typical), peer: new EndpointLoad(typical) };
}

describe('typical latency', () => {
  test('is the median, whatever single calls take', () => {
    const typical = new ChannelLoad();
    const random = seededRandom(3);
    for (let i = 0; i < 2_000; i++) typical.observe(random() < 0.1 ? 5_000 : 5 + 10 * random());
    expect(typical.typicalMs).toBeGreaterThan(8);
    expect(typical.typicalMs).toBeLessThan(13);
  });
});

describe('in flight', () => {
  test('counts from begin to end, for streams and whatever the outcome', () => {
    const { load } = among10();
    load.begin(0, true);
    load.begin(0, false);
    load.begin(0, true);
    expect(load.inFlight).toBe(3);
    load.end('answered', 0, 5, true);
    load.end('failed', 0, 5, false);
    load.end('unsent', 0, 5, true);
    expect(load.inFlight).toBe(0);
  });

  test('makes each further call cost more', () => {
    const { load } = among10();
    expect(load.cost(0)).toBe(1);
    load.begin(0, true);
    expect(load.cost(0)).toBe(2);
  });
});

describe('slowness', () => {
  test('up to twice the typical latency decides nothing', () => {
    const { load, peer } = among10();
    for (let i = 0; i < 20; i++) {
      call(load, i * 10, 18);
      call(peer, i * 10, 8);
    }
    expect(load.cost(200)).toBe(peer.cost(200));
  });

  test('is seen after three slow answers, and costs by its square', () => {
    const { load } = among10();
    for (let i = 0; i < 30; i++) call(load, i, 10);
    for (let i = 0; i < 3; i++) call(load, 100 * i + 100, 100);
    expect(load.cost(400)).toBeGreaterThan(9);
    for (let i = 0; i < 20; i++) call(load, 100 * i + 400, 100);
    expect(load.latencyMs(2_400)).toBeGreaterThan(90);
  });

  test('is not what one hiccup of ten is', () => {
    const { load, peer } = among10();
    for (let i = 0; i < 30; i++) call(load, i, 10);
    call(load, 100, 100);
    expect(load.cost(200)).toBe(peer.cost(200));
  });

  test('is at once what a silence of calls in flight is, without any answer', () => {
    const { load, peer } = among10();
    call(load, 0, 10);
    load.begin(100, true);
    expect(load.cost(115)).toBe(2);
    expect(load.cost(150)).toBeGreaterThan(2 * peer.cost(150));
    expect(load.cost(1_100)).toBeGreaterThan(load.cost(150));
  });

  test('is not the silence of a stream', () => {
    const { load } = among10();
    load.begin(0, false);
    expect(load.cost(60_000)).toBe(2);
    load.end('answered', 0, 60_000, false);
    expect(load.cost(60_000)).toBe(1);
    expect(load.latencyMs(60_000)).toBeUndefined();
  });

  test('is unknown of a new endpoint, which is then like the others', () => {
    const { load, peer } = among10();
    call(peer, 0, 10);
    expect(load.latencyMs(10)).toBeUndefined();
    expect(load.cost(10)).toBe(peer.cost(10));
  });
});

describe('time without calls', () => {
  test('makes a slow endpoint eligible for one call, which finds out', () => {
    const { load, peer } = among10();
    for (let i = 0; i < 10; i++) call(load, 100 * i, 100);
    expect(load.cost(1_000)).toBeGreaterThan(9);
    expect(load.cost(3_000)).toBe(peer.cost(3_000));
    load.begin(3_000, true);
    // For a second call it is as slow as it was.
    expect(load.cost(3_000)).toBeGreaterThan(9);
    load.end('answered', 3_000, 3_010, true);
    load.begin(3_010, true);
    load.end('answered', 3_010, 3_020, true);
    expect(load.cost(3_020)).toBeLessThan(10);
  });

  test('must be longer each time that a probe was slow again, up to the decay of 10 s', () => {
    const { load, peer } = among10();
    const tryOnce = (atMs: number): void => {
      call(load, atMs, 100);
      // The others keep the typical latency where it is.
      for (let i = 0; i < 3; i++) call(peer, atMs, 10);
    };
    for (let i = 0; i < 10; i++) tryOnce(100 * i);
    const waits: number[] = [];
    for (let nowMs = 1_000; waits.length < 6; nowMs += 100) {
      const sinceMs = nowMs;
      while (load.cost(nowMs) > peer.cost(nowMs)) nowMs += 50;
      waits.push(nowMs - sinceMs);
      tryOnce(nowMs);
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[0]).toBeLessThan(2_000);
    expect(waits[5]).toBeGreaterThan(14_000);
    expect(waits[5]).toBeLessThan(18_000);
  });

  /** When a call that is hedged away after 30 ms is tried next, while the others have 5 pending. */
  function hedgedWaits(givenUpAfterMs: number): number[] {
    const { load, peer } = among10();
    const pending = 5 + 1;
    for (let i = 0; i < 10; i++) call(load, 100 * i, 100);
    for (let i = 0; i < 100; i++) call(peer, 1_000, 10);
    const waits: number[] = [];
    for (let nowMs = 1_000; waits.length < 6; nowMs += givenUpAfterMs) {
      const sinceMs = nowMs;
      while (load.cost(nowMs) > pending) nowMs += 10;
      waits.push(nowMs - sinceMs);
      load.begin(nowMs, true);
      load.end('abandoned', nowMs, nowMs + givenUpAfterMs, true);
    }
    return waits;
  }

  test('must be longer each time that a probe was hedged away, by busy peers too', () => {
    const waits = hedgedWaits(30);
    expect(waits[0]).toBeLessThan(2_000);
    expect(waits[5]).toBeGreaterThan(10_000);
    // Given up before twice what is typical, it would still have taken that.
    expect(hedgedWaits(15)[5]).toBeGreaterThan(10_000);
  });

  test('is as long as before when a probe was given up at once, which shows nothing', () => {
    const waits = hedgedWaits(3);
    expect(Math.max(...waits)).toBeLessThan(2 * (waits[0] ?? 0));
    const { load, peer } = among10();
    for (let i = 0; i < 10; i++) call(load, 100 * i, 100);
    load.begin(3_000, true);
    load.end('abandoned', 3_000, 3_100, true);
    // Its decay is 2 s now, and stays so: with 1 s it would be like the others at 11 s.
    load.begin(9_000, true);
    load.end('abandoned', 9_000, 9_003, true);
    expect(load.cost(11_003)).toBeGreaterThan(peer.cost(11_003));
  });
});

describe('a failure', () => {
  test('that comes fast does not look fast', () => {
    const { load, peer } = among10();
    call(peer, 0, 10);
    load.begin(0, true);
    load.end('failed', 0, 1, true);
    expect(load.cost(1)).toBeGreaterThan(50 * peer.cost(1));
  });

  test('is tried again soon, and later each time from the fifth in a row on', () => {
    const { load, peer } = among10();
    const waits: number[] = [];
    for (let nowMs = 0; waits.length < 10; ) {
      load.begin(nowMs, true);
      load.end('failed', nowMs, nowMs + 1, true);
      const sinceMs = nowMs;
      while (load.cost(nowMs) > peer.cost(nowMs)) nowMs += 20;
      waits.push(nowMs - sinceMs);
    }
    expect(waits.slice(0, 5)).toEqual([180, 180, 180, 180, 180]);
    expect(waits.slice(5)).toEqual([340, 660, 1_300, 2_580, 5_160]);
    call(load, 60_000, 10);
    load.begin(60_100, true);
    load.end('failed', 60_100, 60_101, true);
    expect(load.cost(60_300)).toBe(peer.cost(60_300));
  });

  test('does not pile up with each further one', () => {
    const { load } = among10();
    for (let i = 0; i < 50; i++) {
      load.begin(i, true);
      load.end('failed', i, i + 1, true);
    }
    expect(load.latencyMs(51)).toBeLessThanOrEqual(110);
  });

  test('is forgotten down to what is typical, and no further', () => {
    const { load, peer } = among10();
    for (let i = 0; i < 10; i++) call(peer, i, 10);
    load.begin(100, true);
    load.end('failed', 100, 101, true);
    expect(load.latencyMs(101)).toBeGreaterThan(90);
    expect(load.latencyMs(60_000)).toBeCloseTo(10, 0);
    expect(load.cost(60_000)).toBe(peer.cost(60_000));
  });

  test('counts as much where the server says that it has too much to do', () => {
    const { load, peer } = among10();
    load.begin(0, true);
    load.end('overloaded', 0, 1, true);
    expect(load.cost(1)).toBeGreaterThan(50 * peer.cost(1));
  });
});

describe('a call left early', () => {
  test('shows that it would have taken longer, never that it was fast', () => {
    const { load } = among10();
    call(load, 0, 15);
    load.begin(20, true);
    load.end('abandoned', 20, 21, true);
    expect(load.latencyMs(21)).toBe(15);
    for (let i = 0; i < 8; i++) {
      load.begin(100 * i + 100, true);
      load.end('abandoned', 100 * i + 100, 100 * i + 200, true);
    }
    expect(load.latencyMs(900)).toBeGreaterThan(50);
  });

  test('is believed to have had as long again before it, at once', () => {
    const { load } = among10();
    call(load, 0, 15);
    load.begin(100, true);
    load.end('abandoned', 100, 160, true);
    expect(load.latencyMs(160)).toBe(120);
  });

  test('or never sent leaves no trace', () => {
    const { load } = among10();
    load.begin(0, true);
    load.end('unsent', 0, 5_000, true);
    expect(load.latencyMs(5_000)).toBeUndefined();
    expect(load.cost(5_000)).toBe(1);
  });
});

interface Scenario {
  readonly perSecond: number;
  readonly endpoints: number;
  readonly seed: number;
  /** How much slower the first endpoint is. */
  readonly slower?: number;
  /** Pauses of 50 ms of some endpoint, a second. */
  readonly pauses?: number;
  readonly exponential?: boolean;
  /** What is picked by instead. */
  readonly cost?: (load: EndpointLoad) => number;
}

/** 30 s of calls that come at random and take about 10 ms; the last 20 s count. */
function simulate(scenario: Scenario) {
  const { perSecond, endpoints, slower = 1, pauses = 0, exponential = false } = scenario;
  const random = seededRandom(scenario.seed);
  const typical = new ChannelLoad();
  const fleet = Array.from({ length: endpoints }, (_, i) => ({
    load: new EndpointLoad(typical),
    get lastPick() {
      return this.load.lastPick;
    },
    factor: i === 0 ? slower : 1,
    pausedUntilMs: 0,
    picks: 0,
  }));
  const ends: { atMs: number; sinceMs: number; load: EndpointLoad }[] = [];
  const times: number[] = [];
  const waitMs = (meanMs: number): number => -Math.log(1 - random()) * meanMs;
  const scatter = (): number => {
    if (exponential) return waitMs(10);
    const gauss = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return 10 * Math.exp(0.4 * gauss);
  };
  for (let nowMs = 0; nowMs < 30_000; nowMs += waitMs(1_000 / perSecond)) {
    ends.sort((a, b) => a.atMs - b.atMs);
    while (ends[0] !== undefined && ends[0].atMs <= nowMs) {
      const { load, sinceMs, atMs } = ends.shift() as (typeof ends)[0];
      load.end('answered', sinceMs, atMs, true);
    }
    const cost = scenario.cost ?? ((load: EndpointLoad) => load.cost(nowMs));
    const picked = cheapest(fleet, random, ({ load }) => cost(load)) as (typeof fleet)[0];
    if (random() < pauses / perSecond) picked.pausedUntilMs = nowMs + 50;
    const ms = Math.max(scatter() * picked.factor, picked.pausedUntilMs - nowMs);
    picked.load.begin(nowMs, true);
    ends.push({ atMs: nowMs + ms, sinceMs: nowMs, load: picked.load });
    if (nowMs < 10_000) continue;
    picked.picks++;
    times.push(ms);
  }
  times.sort((a, b) => a - b);
  return {
    shares: fleet.map(({ picks }) => picks / times.length),
    p99: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

describe.each([1, 2, 3])('picking by cost, seed %i', (seed) => {
  test.each([
    ['with the usual scatter', {}],
    ['with widely scattered times', { exponential: true }],
    ['with pauses of 50 ms, two a second', { pauses: 2 }],
  ])('gives six equal endpoints their fair share within 20 %%, %s', (_what, more) => {
    const { shares } = simulate({ perSecond: 300, endpoints: 6, seed, ...more });
    for (const share of shares) {
      expect(share * 6).toBeGreaterThan(0.8);
      expect(share * 6).toBeLessThan(1.2);
    }
  });

  test.each([50, 300, 1_000])(
    'keeps one of three that is ten times slower out of the tail, at %i calls a second',
    (perSecond) => {
      const usual = simulate({ perSecond, endpoints: 3, seed });
      const { shares, p99 } = simulate({ perSecond, endpoints: 3, seed, slower: 10 });
      expect(shares[0]).toBeLessThan(0.01);
      expect(p99).toBeLessThan(1.5 * usual.p99);
    },
  );

  test('does what picking by calls in flight alone does not', () => {
    const cost = ({ inFlight }: EndpointLoad): number => inFlight;
    const usual = simulate({ perSecond: 300, endpoints: 3, seed });
    const { shares, p99 } = simulate({ perSecond: 300, endpoints: 3, seed, slower: 10, cost });
    expect(shares[0]).toBeGreaterThan(0.05);
    expect(p99).toBeGreaterThan(3 * usual.p99);
  });
});
