import type { Pinning } from './cores.ts';
import type { Fleet } from './fleet.ts';
import type { LoadOptions } from './options.ts';
import { BASE_ROW, type RowName } from './peers/rows.ts';
import type { Row, SliceFigures } from './row.ts';
import { pairedRatio, type Spread, spread } from './stats.ts';
import { figure, formatTable, ratio } from './table.ts';
import type { Workload } from './workloads.ts';

type Metric = Exclude<keyof SliceFigures, 'count' | 'elapsedMs'>;

const metrics: readonly Metric[] = ['rate', 'p50Ms', 'p99Ms', 'clientMicros', 'serverMicros'];

/** What one row came to at one workload. */
export interface RowResult {
  readonly row: RowName;
  /** In the order of the rounds. */
  readonly slices: readonly SliceFigures[];
  readonly spread: Readonly<Record<Metric, Spread>>;
  /** To the base row of the same round, median over the rounds; absent without a base row. */
  readonly ratioToBase: Readonly<Record<Metric, number>> | undefined;
}

export interface WorkloadResult {
  readonly workload: Workload;
  readonly rows: readonly RowResult[];
}

/** Every row at every workload in alternating rounds: A B C D E, A B C D E, … */
export async function runRounds(
  options: LoadOptions,
  pinning: Pinning,
  fleet: Fleet,
): Promise<WorkloadResult[]> {
  const { profileDirectory, schedule } = options;
  const rows: Row[] = [];
  for (const name of options.rows) {
    process.stderr.write(`starting ${name}\n`);
    rows.push(await fleet.start(name, pinning, profileDirectory, schedule.firstWarmUpMs));
  }
  const results: WorkloadResult[] = [];
  for (const workload of options.workloads) {
    const result = await measure(workload, rows, options);
    process.stdout.write(formatResult(result));
    results.push(result);
  }
  return results;
}

async function measure(
  workload: Workload,
  rows: readonly Row[],
  { schedule }: LoadOptions,
): Promise<WorkloadResult> {
  process.stderr.write(`${workload.name}: warm-up`);
  const slices = rows.map((): SliceFigures[] => []);
  for (const row of rows) await row.open(workload, schedule.warmUpMs);
  for (let round = 1; round <= schedule.rounds; round++) {
    process.stderr.write(` ${round}`);
    for (const [index, row] of rows.entries()) {
      slices[index]?.push(await row.slice(schedule.sliceMs));
    }
  }
  for (const row of rows) await row.close();
  process.stderr.write('\n');
  const base = slices[rows.findIndex((row) => row.name === BASE_ROW)];
  return {
    workload,
    rows: rows.map((row, index) => summarize(row.name, slices[index] ?? [], base)),
  };
}

function summarize(
  row: RowName,
  slices: readonly SliceFigures[],
  base: readonly SliceFigures[] | undefined,
): RowResult {
  const values = (of: readonly SliceFigures[], metric: Metric): number[] =>
    of.map((slice) => slice[metric]);
  const each = <T>(compute: (metric: Metric) => T): Record<Metric, T> =>
    Object.fromEntries(metrics.map((metric) => [metric, compute(metric)])) as Record<Metric, T>;
  return {
    row,
    slices,
    spread: each((metric) => spread(values(slices, metric))),
    ratioToBase:
      base === undefined
        ? undefined
        : each((metric) => pairedRatio(values(slices, metric), values(base, metric))),
  };
}

function formatResult({ workload, rows }: WorkloadResult): string {
  const counted = workload.kind === 'unary' ? 'call' : 'message';
  const cost = `µs/${workload.kind === 'bidi' ? 'trip' : counted}`;
  const header = [
    'row',
    workload.unit,
    '(min – max)',
    'ratio',
    'p50 ms',
    'p99 ms',
    `client ${cost}`,
    '(min – max)',
    'ratio',
    `server ${cost}`,
    '(min – max)',
    'ratio',
  ];
  const range = ({ min, max }: Spread): string => `(${figure(min)} – ${figure(max)})`;
  const lines = rows.map(({ row, spread: of, ratioToBase: to }) => [
    row,
    figure(of.rate.median),
    range(of.rate),
    ratio(to?.rate),
    figure(of.p50Ms.median),
    figure(of.p99Ms.median),
    figure(of.clientMicros.median),
    range(of.clientMicros),
    ratio(to?.clientMicros),
    figure(of.serverMicros.median),
    range(of.serverMicros),
    ratio(to?.serverMicros),
  ]);
  return `\n${workload.name} · ${workload.title}\n${formatTable([header, ...lines])}`;
}
