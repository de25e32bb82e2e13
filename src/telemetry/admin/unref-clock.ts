import type { Clock } from '../../core/clock.ts';

/**
 * Real time, for what waits on sockets, with timers that do not keep the process alive: watching a
 * process must not be what it goes on for.
 */
export function unrefClock(): Clock {
  return {
    now: () => performance.now(),
    setTimer(atMs, callback) {
      const timeout = setTimeout(callback, Math.max(1, Math.ceil(atMs - performance.now())));
      timeout.unref();
      return { clear: () => clearTimeout(timeout) };
    },
  };
}
