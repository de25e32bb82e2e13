import type { Answer, Api, Gauges, Question } from './protocol.ts';
import { readdirSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A question that every child takes and none answers: its last one. */
export const EXIT_OP = 'exit';

// The system's watch over files takes one descriptor, once and for good: before anything is counted.
watch(tmpdir(), { persistent: false }).close();

/** The child's end of the IPC channel: answers the orchestrator until that goes away. */
export function answerParent(api: Api): void {
  const operations = new Map(Object.entries(api));
  process.on('message', (message) => {
    const { id, op, argument } = message as Question;
    if (op === EXIT_OP) process.exit(0);
    void answer(operations.get(op), id, op, argument).then((reply) => process.send?.(reply));
  });
  // However the orchestrator ended, nothing may be left running.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole process group; the orchestrator says who ends, in what order.
  process.on('SIGINT', () => undefined);
}

async function answer(
  operation: Api[string] | undefined,
  id: number,
  op: string,
  argument: unknown,
): Promise<Answer> {
  try {
    if (operation === undefined) throw new Error(`no operation '${op}'`);
    return { id, ok: true, value: await operation(argument as never) };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { id, ok: false, error: text };
  }
}

/** Sockets close in later turns: what is still there after this long, in ms, is left over. */
const SETTLE_MS = 1_500;

/** Reads the gauges of this process once it is at rest. Needs `--expose-gc`. */
export async function readGauges(): Promise<Gauges> {
  const endMs = performance.now() + SETTLE_MS;
  let best = gauges();
  while (performance.now() < endMs && best.handles + best.timers > 0) {
    await delay(20, undefined, { ref: false });
    const now = gauges();
    if (now.handles + now.timers + now.files <= best.handles + best.timers + best.files) best = now;
  }
  return best;
}

function gauges(): Gauges {
  globalThis.gc?.();
  const active = process.getActiveResourcesInfo();
  const timers = active.filter((name) => name === 'Timeout').length;
  // The IPC channel and what is written to are pipes, and always there.
  const handles = active.filter((name) => !['Timeout', 'PipeWrap', 'Immediate'].includes(name));
  return {
    heapBytes: process.memoryUsage().heapUsed,
    timers,
    handles: handles.length,
    files: readdirSync('/proc/self/fd').length,
  };
}
