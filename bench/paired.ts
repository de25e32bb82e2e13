import type { Pinning } from './cores.ts';
import type { Fleet } from './fleet.ts';
import type { LoadOptions } from './options.ts';
import { BASE_ROW, type RowName } from './peers/rows.ts';
import type { Row, SliceFigures } from './row.ts';
import { median, medianUpperBound, ratios, type UpperBound } from './stats.ts';
import { figure, formatTable, ratio } from './table.ts';
import type { Workload, WorkloadName } from './workloads.ts';

/** CPU time a call over raw grpc-js that is asked of each side of the default stack. */
const BAR = { median: 1.12, upperBound: 1.2 };
const CONFIDENCE = 0.95;

/** How often the processes are started afresh. */
export const GENERATIONS = 4;

/** Two slices next to each other in time, so that what disturbs one disturbs both. */
export interface Pair {
  readonly base: SliceFigures;
  readonly row: SliceFigures;
}

export interface SideResult {
  readonly side: 'client' | 'server';
  readonly baseMicros: number;
  readonly rowMicros: number;
  readonly medianRatio: number;
  readonly upperBound: UpperBound | undefined;
  readonly met: boolean;
}

export interface PairedResult {
  readonly row: RowName;
  readonly workload: WorkloadName;
  readonly pairs: readonly Pair[];
  readonly rateRatio: number;
  readonly sides: readonly SideResult[];
  readonly met: boolean;
}

/**
 * One row against the base in short slices, A B B A, so that a steady drift cancels out. The
 * processes are started afresh a few times on the way: how V8 compiles and lays out one process
 * differs from the next by some percent, which the slices of one pair of processes cannot tell.
 */
export async function runPaired(
  options: LoadOptions,
  pinning: Pinning,
  fleet: Fleet,
): Promise<PairedResult> {
  const [name] = options.rows;
  const [workload] = options.workloads;
  if (name === undefined || workload === undefined) throw new Error('nothing to compare');
  const pairs = await measurePairs(
    { base: BASE_ROW, row: name, workload },
    options,
    pinning,
    fleet,
  );
  const result = summarize(name, workload.name, pairs);
  process.stdout.write(formatResult(result, workload.title));
  return result;
}

/** What is set against what. */
interface Comparison {
  readonly base: RowName;
  readonly row: RowName;
  readonly workload: Workload;
}

export async function measurePairs(
  comparison: Comparison,
  options: LoadOptions,
  pinning: Pinning,
  fleet: Fleet,
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const count of share(options.schedule.rounds, GENERATIONS)) {
    process.stderr.write(`starting ${comparison.base} and ${comparison.row}`);
    pairs.push(...(await runGeneration(comparison, count, options, pinning, fleet)));
  }
  return pairs;
}

/** An even number of pairs for each generation, together `total`. */
function share(total: number, generations: number): number[] {
  const groups = total / 2;
  return Array.from({ length: generations }, (_, index) => {
    const from = Math.floor((groups * index) / generations);
    return 2 * (Math.floor((groups * (index + 1)) / generations) - from);
  });
}

async function runGeneration(
  { base: baseName, row: name, workload }: Comparison,
  count: number,
  { profileDirectory, schedule }: LoadOptions,
  pinning: Pinning,
  fleet: Fleet,
): Promise<readonly Pair[]> {
  const base = await fleet.start(baseName, pinning, profileDirectory, schedule.firstWarmUpMs);
  const row = await fleet.start(name, pinning, profileDirectory, schedule.firstWarmUpMs);
  await base.open(workload, schedule.warmUpMs);
  await row.open(workload, schedule.warmUpMs);
  const pairs = await runPairs(base, row, count, schedule.sliceMs);
  await fleet.stop();
  return pairs;
}

async function runPairs(
  base: Row,
  row: Row,
  count: number,
  sliceMs: number,
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  process.stderr.write('; pairs');
  while (pairs.length < count) {
    const first = await base.slice(sliceMs);
    pairs.push({ base: first, row: await row.slice(sliceMs) });
    const second = await row.slice(sliceMs);
    pairs.push({ row: second, base: await base.slice(sliceMs) });
    process.stderr.write(` ${pairs.length}`);
  }
  process.stderr.write('\n');
  return pairs;
}

function summarize(row: RowName, workload: WorkloadName, pairs: readonly Pair[]): PairedResult {
  const sides = [
    summarizeSide('client', pairs, (slice) => slice.clientMicros),
    summarizeSide('server', pairs, (slice) => slice.serverMicros),
  ];
  const rates = ratios(
    pairs.map((pair) => pair.row.rate),
    pairs.map((pair) => pair.base.rate),
  );
  const met = sides.every((side) => side.met);
  return { row, workload, pairs, rateRatio: median(rates), sides, met };
}

function summarizeSide(
  side: SideResult['side'],
  pairs: readonly Pair[],
  micros: (slice: SliceFigures) => number,
): SideResult {
  const base = pairs.map((pair) => micros(pair.base));
  const row = pairs.map((pair) => micros(pair.row));
  const paired = ratios(row, base);
  const medianRatio = median(paired);
  const upperBound = medianUpperBound(paired, CONFIDENCE);
  const met =
    medianRatio <= BAR.median && upperBound !== undefined && upperBound.value <= BAR.upperBound;
  return {
    side,
    baseMicros: median(base),
    rowMicros: median(row),
    medianRatio,
    upperBound,
    met,
  };
}

function formatResult(result: PairedResult, title: string): string {
  const { pairs, row, sides } = result;
  const header = [
    'CPU time',
    `${BASE_ROW} µs`,
    `${row} µs`,
    'median ratio',
    'asked',
    'upper bound',
    'asked',
    'bar',
  ];
  const lines = sides.map((side) => [
    side.side,
    figure(side.baseMicros),
    figure(side.rowMicros),
    side.medianRatio.toFixed(3),
    `≤ ${ratio(BAR.median)}`,
    side.upperBound?.value.toFixed(3) ?? '-',
    `≤ ${ratio(BAR.upperBound)}`,
    side.met ? 'met' : 'MISSED',
  ]);
  const confidence = ((sides[0]?.upperBound?.confidence ?? Number.NaN) * 100).toFixed(1);
  return (
    `\n${row} against ${BASE_ROW} · ${result.workload} · ${title}\n` +
    formatTable([header, ...lines]) +
    `${pairs.length} pairs in ${GENERATIONS} generations of processes; ` +
    `requests, messages or trips ${ratio(result.rateRatio)} × those of ${BASE_ROW}\n` +
    `upper bound: order statistic of the paired ratios, on their median, ${confidence} % sure\n`
  );
}
