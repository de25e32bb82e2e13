import { createHook } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

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

test('timers that follow each other share one of the runtime, if their times are near', async () => {
  const clock = createSystemClock();
  const at = clock.now() + 15_000;
  const { made, alive } = await runtimeTimers(() => {
    for (let i = 0; i < 1_000; i++) clock.setTimer(at, () => undefined).clear();
  });
  expect([made, alive]).toEqual([1, 1]);
});

test('cleared timers with an hour to go are not kept until then', async () => {
  const clock = createSystemClock();
  const at = clock.now() + 3_600_000;
  const { made, alive } = await runtimeTimers(() => {
    for (let i = 0; i < 1_000; i++) clock.setTimer(at + 4 * i, () => undefined).clear();
  });
  expect(made).toBe(1_000);
  expect(alive).toBeLessThanOrEqual(64);
});

test('a slot that is in use again outlives those that are empty', async () => {
  const clock = createSystemClock();
  const at = clock.now() + 20;
  clock.setTimer(at, () => undefined).clear();
  const fired = new Promise<void>((resolve) => {
    clock.setTimer(at, resolve);
  });
  for (let i = 0; i < 1_000; i++) clock.setTimer(at + 60_000 + 4 * i, () => undefined).clear();
  await expect(fired).resolves.toBeUndefined();
});

test('a timer that throws costs its neighbours nothing, and its error is not swallowed', async () => {
  const clockUrl = new URL('../../src/core/clock.ts', import.meta.url).href;
  const script = `
    import { createSystemClock } from '${clockUrl}';
    process.on('uncaughtException', ({ message }) => console.log(message));
    const clock = createSystemClock();
    const at = clock.now() + 8;
    for (const name of ['first', 'second']) clock.setTimer(at, () => { throw new Error(name); });
    clock.setTimer(at, () => console.log('third'));
  `;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout.trim().split('\n')).toEqual(['first', 'second', 'third']);
});

/** How many timers the runtime was asked for by `body`, and how many of them it still has. */
async function runtimeTimers(body: () => void): Promise<{ made: number; alive: number }> {
  const alive = new Set<number>();
  let made = 0;
  const hook = createHook({
    init(id, type) {
      if (type !== 'Timeout') return;
      made++;
      alive.add(id);
    },
    destroy: (id) => alive.delete(id),
  }).enable();
  body();
  // The end of a timer is told a turn later.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  hook.disable();
  return { made, alive: alive.size };
}

function activeTimeouts(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
