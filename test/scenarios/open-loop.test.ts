import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { seededRandom } from '../../src/testing/index.ts';
import { nextGapMs, OpenLoop } from './harness/open-loop.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const fixed = { now: () => performance.now(), random: () => 0.5, arrivals: 'fixed' } as const;

test('calls start on schedule while earlier ones hang', () => {
  const due: number[] = [];
  const begin = performance.now();
  const loop = new OpenLoop({ ...fixed, perSecond: 100 }, (dueMs) => due.push(dueMs - begin));
  vi.advanceTimersByTime(50);
  loop.stop();
  vi.advanceTimersByTime(50);
  expect(due).toEqual([10, 20, 30, 40, 50]);
});

test('a process that was held up starts what it missed, due when it was due', () => {
  let nowMs = 0;
  const due: number[] = [];
  const loop = new OpenLoop({ ...fixed, now: () => nowMs, perSecond: 100 }, (dueMs) => {
    due.push(dueMs);
  });
  nowMs = 35;
  vi.advanceTimersByTime(10);
  loop.stop();
  expect(due).toEqual([10, 20, 30]);
});

test('stopping in the middle of a burst ends it', () => {
  let nowMs = 0;
  let started = 0;
  const loop = new OpenLoop({ ...fixed, now: () => nowMs, perSecond: 1_000 }, () => {
    started++;
    if (started === 3) loop.stop();
  });
  nowMs = 100;
  vi.advanceTimersByTime(10);
  expect(started).toBe(3);
});

test('Poisson gaps have the mean and the spread of an exponential distribution', () => {
  const schedule = {
    ...fixed,
    arrivals: 'poisson',
    random: seededRandom(7),
    perSecond: 200,
  } as const;
  const gaps = Array.from({ length: 20_000 }, () => nextGapMs(schedule));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  expect(mean).toBeGreaterThan(4.9);
  expect(mean).toBeLessThan(5.1);
  expect(deviation / mean).toBeGreaterThan(0.97);
  expect(deviation / mean).toBeLessThan(1.03);
});
