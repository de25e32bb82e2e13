import { describe, expect, test } from 'vitest';

import { LatencyWindow } from '../../src/policies/latency-window.ts';
import { ManualClock, seededRandom } from '../../src/testing/index.ts';

function fill(window: LatencyWindow, ms: number, count: number): void {
  for (let n = 0; n < count; n++) window.record(ms);
}

describe('LatencyWindow', () => {
  test('says nothing below 20 samples', () => {
    const window = new LatencyWindow(new ManualClock());
    expect(window.quantile(0.5)).toBeUndefined();
    fill(window, 10, 19);
    expect(window.quantile(0.5)).toBeUndefined();
    fill(window, 10, 1);
    expect(window.quantile(0.5)).toBeGreaterThan(0);
  });

  test('is at most 5 % off, from 10 µs to half an hour', () => {
    const wrong: number[] = [];
    for (let ms = 0.01; ms < 1_800_000; ms *= 1.013) {
      const window = new LatencyWindow(new ManualClock());
      fill(window, ms, 20);
      const said = window.quantile(0.5) ?? Number.NaN;
      if (!(Math.abs(said - ms) / ms <= 0.05)) wrong.push(ms);
    }
    expect(wrong).toEqual([]);
  });

  test.each([0.5, 0.95, 0.99])('agrees with the sorted samples at %d', (q) => {
    const random = seededRandom(3);
    const window = new LatencyWindow(new ManualClock());
    // Long-tailed, as latencies are.
    const samples = Array.from({ length: 5_000 }, () => 5 * Math.exp(1.5 * random() ** 3 * 3));
    for (const ms of samples) window.record(ms);
    const exact = samples.toSorted((a, b) => a - b)[Math.ceil(q * samples.length) - 1] ?? 0;
    const said = window.quantile(q) ?? 0;
    expect(Math.abs(said - exact) / exact).toBeLessThan(0.05);
  });

  test('forgets what is older than 20 s, and nothing that is younger than 10 s', () => {
    const clock = new ManualClock();
    const window = new LatencyWindow(clock);
    fill(window, 10, 50);
    clock.advance(9_999);
    expect(window.quantile(0.5)).toBeCloseTo(10, 0);
    clock.advance(5_001);
    fill(window, 1_000, 40);
    expect(window.quantile(0.5)).toBeCloseTo(10, 0);
    clock.advance(10_000);
    // The first half is gone, the second one is whole.
    const said = window.quantile(0.5) ?? 0;
    expect(Math.abs(said - 1_000)).toBeLessThan(50);
    clock.advance(10_000);
    expect(window.quantile(0.5)).toBeUndefined();
  });

  test('starts anew after a pause, whether it is asked or told first', () => {
    const clock = new ManualClock();
    const window = new LatencyWindow(clock);
    fill(window, 10, 50);
    clock.advance(60_000);
    fill(window, 700, 19);
    expect(window.quantile(0.5)).toBeUndefined();
    fill(window, 700, 1);
    expect(window.quantile(0.01)).toBeGreaterThan(600);
    clock.advance(60_000);
    expect(window.quantile(0.5)).toBeUndefined();
  });

  test('a kept figure follows once there are 5 % more samples', () => {
    const window = new LatencyWindow(new ManualClock());
    fill(window, 10, 100);
    const before = window.quantile(0.99);
    fill(window, 1_000, 4);
    expect(window.quantile(0.99)).toBe(before);
    fill(window, 1_000, 1);
    expect(window.quantile(0.99)).toBeGreaterThan(900);
    expect(window.quantile(0.5)).toBe(before);
  });

  test('takes what is no time at all, and what is endless', () => {
    const window = new LatencyWindow(new ManualClock());
    for (const ms of [0, -1, Number.NaN, 1e-9]) fill(window, ms, 5);
    expect(window.quantile(1)).toBeLessThan(0.01);
    fill(window, Number.POSITIVE_INFINITY, 80);
    fill(window, 1e12, 80);
    expect(window.quantile(1)).toBeGreaterThan(1_800_000);
  });
});
