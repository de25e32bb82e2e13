import { expect, test } from 'vitest';

import { createSystemClock } from '../../src/core/clock.ts';

test('fires at or up to one slot after its time, in any order of arming', async () => {
  const clock = createSystemClock();
  const start = clock.now();
  const fired: [delay: number, at: number][] = [];
  await Promise.all(
    [30, 5, 18, 5.1, 30].map(
      (delay) =>
        new Promise<void>((resolve) => {
          clock.setTimer(start + delay, () => {
            fired.push([delay, clock.now() - start]);
            resolve();
          });
        }),
    ),
  );
  expect(fired.map(([delay]) => delay)).toEqual([5, 5.1, 18, 30, 30]);
  for (const [delay, at] of fired) expect(at).toBeGreaterThanOrEqual(delay - 0.01);
});

test('a cleared timer never fires, and leaves no timer of the runtime behind', async () => {
  const clock = createSystemClock();
  const before = activeTimeouts();
  const timers = Array.from({ length: 1_000 }, (_, i) =>
    clock.setTimer(clock.now() + 5 + i / 10, () => {
      throw new Error('fired');
    }),
  );
  expect(activeTimeouts()).toBeGreaterThan(before);
  for (const timer of timers) timer.clear();
  for (const timer of timers) timer.clear();
  expect(activeTimeouts()).toBe(before);
});

test('clearing a neighbour from inside a timer of the same slot works', async () => {
  const clock = createSystemClock();
  const at = clock.now() + 8;
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    clock.setTimer(at, () => {
      fired.push('first');
      second.clear();
      clock.setTimer(at + 8, resolve);
    });
    const second = clock.setTimer(at, () => fired.push('second'));
    clock.setTimer(at, () => fired.push('third'));
  });
  expect(fired).toEqual(['first', 'third']);
});

test('a timer beyond what setTimeout takes is kept, not fired at once', () => {
  const clock = createSystemClock();
  let fired = false;
  const timer = clock.setTimer(clock.now() + 2 ** 32, () => {
    fired = true;
  });
  timer.clear();
  expect(fired).toBe(false);
});

function activeTimeouts(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
