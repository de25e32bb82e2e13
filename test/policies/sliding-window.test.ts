import { expect, test } from 'vitest';

import { SlidingWindow } from '../../src/policies/sliding-window.ts';
import { seededRandom } from '../../src/testing/index.ts';

test('what was added is forgotten after the window, and not before nine tenths of it', () => {
  const window = new SlidingWindow(1_000, 0);
  window.add(3, 50);
  expect(window.sum(950)).toBe(3);
  expect(window.sum(999)).toBe(3);
  expect(window.sum(1_050)).toBe(0);
});

test('any mix of additions and pauses gives what a list of them gives', () => {
  const random = seededRandom(7);
  const window = new SlidingWindow(1_000, 0);
  const added: { atMs: number; count: number }[] = [];
  const wrong: number[] = [];
  let nowMs = 0;
  for (let step = 0; step < 2_000; step++) {
    nowMs += random() < 0.05 ? random() * 3_000 : random() * 60;
    const count = Math.floor(random() * 4);
    window.add(count, nowMs);
    added.push({ atMs: nowMs, count });
    // Buckets of 100 ms: whole ones that ended at most nine buckets ago, and the one in use.
    const fromMs = (Math.floor(nowMs / 100) - 9) * 100;
    const sum = added.filter(({ atMs }) => atMs >= fromMs).reduce((n, { count: c }) => n + c, 0);
    if (window.sum(nowMs) !== sum) wrong.push(step);
  }
  expect(wrong).toEqual([]);
});

test('a new length keeps what was counted', () => {
  const window = new SlidingWindow(1_000, 0);
  window.add(5, 0);
  window.resize(10_000, 500);
  expect(window.sum(9_400)).toBe(5);
  expect(window.sum(10_500)).toBe(0);
  window.add(2, 10_500);
  window.resize(10_000, 10_600);
  expect(window.sum(10_600)).toBe(2);
});

test('cleared, it is empty and goes on', () => {
  const window = new SlidingWindow(1_000, 0);
  window.add(5, 0);
  window.clear();
  expect(window.sum(10)).toBe(0);
  window.add(1, 10);
  expect(window.sum(10)).toBe(1);
});
