/**
 * What a hammered admin listener does to the calls of its process: `node bench/admin.ts`.
 *
 * Three processes besides this one, which makes the calls: a server with its admin, on a core of its
 * own; another such process that nobody calls; and a hammer, which asks one of the two admins for
 * all that there is as fast as it is answered, over 64 connections. A hammer takes CPU time itself,
 * so calls under a hammered admin are compared with calls while the same hammer is at work on the
 * other process. `--unpaced` takes the listener's bounds away: the control that must fail.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ShapesServiceDefinition } from '../generated/inboard/testing/v1/shapes.ts';
import { createClient } from '../src/index.ts';
import { choosePinning } from './cores.ts';
import { median } from './stats.ts';

/** p99 while hammered, to p99 while somebody else is. */
const BAR = 1.25;
const CALLS_A_SECOND = 400;
const SETTLE_MS = 700;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    'slice-ms': { type: 'string', default: '1500' },
    unpaced: { type: 'boolean', default: false },
  },
});

interface Ports {
  readonly calls: number;
  readonly admin: number;
}

/** What one slice came to. */
interface Slice {
  readonly p99Ms: number;
  /** Answers that the hammer got. */
  readonly answered: number;
  /** CPU time of the server that is called, of a core. */
  readonly cpu: number;
}

const pinning = choosePinning();
const children: ChildProcess[] = [];

function start(file: string, core: number | undefined, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const node = [process.execPath, path, ...args];
  const [command = '', ...rest] = core === undefined ? node : ['taskset', '-c', `${core}`, ...node];
  const child = spawn(command, rest, { stdio: ['ignore', 2, 2, 'ipc'] });
  children.push(child);
  return child;
}

async function server(core: number | undefined): Promise<Ports & { readonly child: ChildProcess }> {
  const child = start('admin-server.ts', core, values.unpaced ? 'unpaced' : 'paced');
  const [ports] = (await once(child, 'message')) as [Ports];
  return { ...ports, child };
}

/** What else the machine does is not to be measured: calls go first, where that is allowed. */
function goFirst(child: ChildProcess): string {
  try {
    for (const pid of [process.pid, child.pid ?? 0]) setPriority(pid, -15);
    return 'calls before other processes';
  } catch {
    return 'at the priority of other processes: expect more noise';
  }
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu');
  const [{ cpuMs }] = (await once(child, 'message')) as [{ cpuMs: number }];
  return cpuMs;
}

/** Calls at a steady pace, whatever the last one took; the 99th percentile of their times, in ms. */
async function p99(call: () => Promise<unknown>, durationMs: number): Promise<number> {
  const times: number[] = [];
  const pending: Promise<void>[] = [];
  const beginMs = performance.now();
  for (let index = 0; ; index++) {
    const dueMs = beginMs + (index * 1_000) / CALLS_A_SECOND;
    if (dueMs > beginMs + durationMs) break;
    while (performance.now() < dueMs) {
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    pending.push(
      (async () => {
        await call();
        times.push(performance.now() - dueMs);
      })(),
    );
  }
  await Promise.all(pending);
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

/** The first quartile: what else a machine does makes slices slower, and never faster. */
function leastDisturbed(slices: readonly Slice[]): number {
  const sorted = slices.map(({ p99Ms }) => p99Ms).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}

async function hammer(child: ChildProcess, port: number | null): Promise<number> {
  child.send({ port });
  const [{ answered }] = (await once(child, 'message')) as [{ answered: number }];
  return answered;
}

async function main(): Promise<number> {
  const subject = await server(pinning.server);
  const other = await server(pinning.client);
  const hammering = start('admin-hammer.ts', pinning.client);
  await once(hammering, 'message');
  const priority = goFirst(subject.child);
  await using client = createClient(
    ShapesServiceDefinition,
    `static:///127.0.0.1:${subject.calls}`,
  );
  const sliceMs = Number(values['slice-ms']);
  const call = (): Promise<unknown> => client.unary({ sample: { text: 'a' } });
  const slice = async (port: number | null): Promise<Slice> => {
    await hammer(hammering, port);
    // What was saved up while nobody asked is spent first.
    await new Promise((resolve) => void setTimeout(resolve, SETTLE_MS));
    const [beginMs, beginCpuMs] = [performance.now(), await cpuOf(subject.child)];
    const p99Ms = await p99(call, sliceMs);
    const cpuMs = (await cpuOf(subject.child)) - beginCpuMs;
    const cpu = cpuMs / (performance.now() - beginMs);
    return { p99Ms, answered: await hammer(hammering, null), cpu };
  };
  for (let warm = 0; warm < 3; warm++) await slice(subject.admin);
  const quiet: Slice[] = [];
  const elsewhere: Slice[] = [];
  const here: Slice[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    quiet.push(await slice(null));
    elsewhere.push(await slice(other.admin));
    here.push(await slice(subject.admin));
  }
  console.log(`cores: ${pinning.note}; ${priority}`);
  console.log(`${here.length} rounds of ${sliceMs} ms, in turn; p99 of ${CALLS_A_SECOND} calls/s`);
  const row = (what: string, slices: readonly Slice[]): void => {
    const ms = slices.map(({ p99Ms }) => p99Ms);
    const cpu = median(slices.map((each) => each.cpu * 100));
    const answers = median(slices.map(({ answered }) => (answered * 1_000) / sliceMs));
    const range = `${Math.min(...ms).toFixed(2)}–${Math.max(...ms).toFixed(2)}`;
    console.log(
      `${what.padEnd(24)} ${median(ms).toFixed(2)} ms (${range}), CPU of the server ` +
        `${cpu.toFixed(1)} %, ${answers.toFixed(0)} answers/s`,
    );
  };
  row('nobody hammers', quiet);
  row('another is hammered', elsewhere);
  row('this one is hammered', here);
  const ratio = leastDisturbed(here) / leastDisturbed(elsewhere);
  const met = ratio <= BAR;
  console.log(`p99, here to there: ${ratio.toFixed(2)}, bar ${BAR}: ${met ? 'met' : 'NOT met'}`);
  return met ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
}
