import type { History } from './pool.ts';
import type { Gauges } from './protocol.ts';

/** Uses after which a process has compiled what it runs, and made what it makes once. */
const SETTLED_AFTER = 2;

/** What a heap may grow by over all further uses, in bytes: new code that a new policy needs. */
const HEAP_SLACK_BYTES = 6 * 1024 * 1024;

export interface Flatness {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Whether the processes that lived through the whole lab hold no more at its end than they did
 * once they were warm: heap, timers, handles and open files.
 */
export function flatness(histories: readonly History[]): Flatness {
  const lines: string[] = [];
  const problems: string[] = [];
  for (const role of ['server', 'load'] as const) {
    const own = histories.filter((each) => each.role === role);
    const long = own.filter(({ gauges }) => gauges.length > SETTLED_AFTER);
    if (long.length === 0) continue;
    const grown = long.map(({ gauges }) => growth(gauges));
    const worst = (pick: (gauges: Gauges) => number): number => Math.max(...grown.map(pick));
    const uses = Math.max(...long.map(({ gauges }) => gauges.length));
    const heap = worst(({ heapBytes }) => heapBytes);
    lines.push(
      `flat: ${long.length} ${role} processes, up to ${uses} runs each, grew at most by ` +
        `${(heap / 1024 / 1024).toFixed(1)} MB of heap, ${worst(({ timers }) => timers)} timers, ` +
        `${worst(({ handles }) => handles)} handles, ${worst(({ files }) => files)} files`,
    );
    if (heap > HEAP_SLACK_BYTES) problems.push(`the heap of a ${role} process is not flat`);
    for (const kind of ['timers', 'handles', 'files'] as const) {
      if (worst((gauges) => gauges[kind]) > 0) problems.push(`${kind} of a ${role} process grow`);
    }
  }
  return { lines, problems };
}

/** By how much each gauge is higher at the end than it was once the process was warm. */
export function growth(gauges: readonly Gauges[]): Gauges {
  const settled = gauges[SETTLED_AFTER - 1];
  const last = gauges.at(-1);
  if (settled === undefined || last === undefined) throw new RangeError('no gauges');
  return {
    heapBytes: last.heapBytes - settled.heapBytes,
    timers: last.timers - settled.timers,
    handles: last.handles - settled.handles,
    files: last.files - settled.files,
  };
}
