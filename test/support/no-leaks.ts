/**
 * Fails a test that leaves a socket, a server or a timer behind. Set up for every test file; what
 * a file opens once for all its tests is there before each of them, and so does not count.
 */
import { createHook } from 'node:async_hooks';

import { afterEach, beforeEach } from 'vitest';

/** Kinds of resources that keep a process alive and that a test must have ended. */
const WATCHED = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeServerWrap',
  'TLSWrap',
  'GetAddrInfoReqWrap',
  'FSEventWrap',
]);

/** Sockets close in later turns; after this long, in ms, they are left over. */
const PATIENCE_MS = 2_000;

/** A timer as the runtime keeps it. */
interface Timer {
  hasRef(): boolean;
}

let before = new Map<string, number>();
const timers = new Map<number, Timer>();

createHook({
  init(id, type, _trigger, resource) {
    if (type === 'Timeout' && !isOfRunner()) timers.set(id, resource as Timer);
  },
  destroy(id) {
    timers.delete(id);
  },
}).enable();

beforeEach(() => {
  before = resources();
  timers.clear();
});

afterEach(async () => {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = leftOver();
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`the test left behind: ${left.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

function leftOver(): string[] {
  const left = [...resources()]
    .filter(([name, count]) => count > (before.get(name) ?? 0))
    .map(([name, count]) => `${count - (before.get(name) ?? 0)} ${name}`);
  const pending = pendingTimers();
  return pending === 0 ? left : [...left, `${pending} pending timers`];
}

/** The test runner keeps a timer on every test and hook, and this file looks by timer. */
function isOfRunner(): boolean {
  const frames = new Error().stack?.split('\n').slice(1) ?? [];
  const caller = frames.find((line) => !/node:|<anonymous>|no-leaks/.test(line));
  return caller === undefined || caller.includes('/vitest/');
}

function pendingTimers(): number {
  return [...timers.values()].filter((timer) => timer.hasRef()).length;
}

function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (WATCHED.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
