/** When a policy file is looked at, on a clock that the tests move. */
import { EventEmitter, once } from 'node:events';
import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { PolicyFile } from '../../src/config/policy-file.ts';
import { openPolicyFile } from '../../src/config/policy-file.ts';
import { ManualClock, testRuntime } from '../../src/testing/index.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-policy-'));
  path = join(folder, 'policy.yaml');
});

afterEach(() => rm(folder, { recursive: true }));

const timeout = (ms: number): string => `defaults: { timeoutMs: ${ms} }\n`;

test('a half-written file waits to be whole', async () => {
  const real = await withoutEvents();
  const clock = new ManualClock();
  const runtime = testRuntime({ clock });
  await using file = await openPolicyFile(path, runtime);
  const whole = `${timeout(2)}channel: { balancer: pick_first }\n`;
  const half = timeout(2);

  await using handle = await open(real, 'w');
  await handle.write(half);
  // Found, and found to be new: half of it is a valid policy, too.
  await looks(file, clock, 1_000);
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  await handle.write(whole.slice(half.length));
  await looks(file, clock, 50);
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  // Found as it was before: now it counts.
  await looks(file, clock, 50);
  expect(file.current).toEqual({
    defaults: { timeoutMs: 2 },
    channel: { balancer: 'pick_first' },
  });
});

test('an event brings a look at once, long before the poll', async () => {
  await writeFile(path, timeout(1));
  const manual = new ManualClock();
  const timers = new EventEmitter();
  const clock = {
    now: () => manual.now(),
    setTimer(atMs: number, callback: () => void) {
      timers.emit('set', atMs - manual.now());
      return manual.setTimer(atMs, callback);
    },
  };
  await using _file = await openPolicyFile(path, testRuntime({ clock }));
  const next = once(timers, 'set');
  await writeFile(path, timeout(2));
  // The clock stands still: no poll falls due.
  expect(await next).toEqual([50]);
});

test('further events do not put the look off', async () => {
  await writeFile(path, timeout(1));
  const neighbour = join(folder, 'neighbour');
  await writeFile(neighbour, '');
  const clock = new ManualClock();
  await using file = await openPolicyFile(path, testRuntime({ clock }));
  // Hears of each event after the file did, for it was there first.
  const events = watch(folder);
  await Promise.all([eventOf(events, 'policy.yaml'), writeFile(path, timeout(2))]);
  clock.advance(30);
  // One event, and behind all those of the file.
  await Promise.all([eventOf(events, 'neighbour'), chmod(neighbour, 0o600)]);
  events.close();
  await looks(file, clock, 20);
  await looks(file, clock, 50);
  expect(file.current.defaults?.timeoutMs).toBe(2);
});

test('without events the poll sees the change, within a second and the time to settle', async () => {
  const real = await withoutEvents();
  const clock = new ManualClock();
  await using file = await openPolicyFile(path, testRuntime({ clock }));
  await writeFile(real, timeout(2));
  await looks(file, clock, 999);
  await looks(file, clock, 1);
  expect(file.current.defaults?.timeoutMs).toBe(1);
  await looks(file, clock, 50);
  expect(file.current.defaults?.timeoutMs).toBe(2);
});

test('a closed file looks no more, keeps its policy and leaves nothing behind', async () => {
  const real = await withoutEvents();
  const clock = new ManualClock();
  const file = await openPolicyFile(path, testRuntime({ clock }));
  let heard = 0;
  file.onChange(() => {
    heard += 1;
  });
  await writeFile(real, timeout(2));
  await looks(file, clock, 1_000);
  // The look that would take the change has begun.
  clock.advance(50);
  await file.close();
  await file.close();
  expect(clock.pending).toBe(0);
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  expect(heard).toBe(0);
});

function eventOf(events: FSWatcher, name: string): Promise<void> {
  return new Promise((resolve) => {
    events.on('change', (_type, file) => {
      if (file === name) resolve();
    });
  });
}

/** Puts the file elsewhere and a link to it here: the folder that is watched does not change. */
async function withoutEvents(): Promise<string> {
  const elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  const real = join(elsewhere, 'policy.yaml');
  await writeFile(real, timeout(1));
  await symlink(real, path);
  return real;
}

/** Moves on, and waits for the look that this brings, if it brings one. */
async function looks(file: PolicyFile, clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  // Only while it looks is no timer set.
  while (clock.pending === 0) await new Promise(setImmediate);
  expect(file.problem).toBeUndefined();
}
