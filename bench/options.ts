import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { BASE_ROW, isRowName, type RowName, rowNames, usualRows } from './peers/rows.ts';
import { type Workload, workloadNamed, workloadNames, workloads } from './workloads.ts';

/** How long everything runs. */
export interface Schedule {
  /** Rounds of all rows, or pairs of slices in paired and telemetry mode. */
  readonly rounds: number;
  readonly sliceMs: number;
  /** Of each row, once, before anything is counted. */
  readonly firstWarmUpMs: number;
  /** Of each row at each workload. */
  readonly warmUpMs: number;
}

type LoadMode = 'rounds' | 'paired' | 'telemetry';

export interface LoadOptions {
  readonly mode: LoadMode;
  readonly rows: readonly RowName[];
  readonly workloads: readonly Workload[];
  readonly schedule: Schedule;
  readonly jsonFile: string | undefined;
  readonly profileDirectory: string | undefined;
}

export interface LayersOptions {
  readonly mode: 'layers';
  readonly quick: boolean;
  readonly jsonFile: string | undefined;
}

export type Options = LoadOptions | LayersOptions | { readonly mode: 'help' };

/** A command line that asks for what there is not. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** The row that paired mode sets against the base unless told otherwise. */
const PAIRED_ROW: RowName = 'inboard';

/** Fewer pairs make no bound worth the name; more than this is a mistake. */
const PAIRS = { min: 20, max: 200 };
const ROUNDS = { min: 1, max: 100 };
const SLICE_MS = { min: 50, max: 10_000 };

/** The rows that telemetry mode sets against each other. */
const TELEMETRY_ROWS: readonly RowName[] = ['inboard-no-telemetry', 'inboard'];

const schedules: Record<LoadMode, Record<'full' | 'quick', Schedule>> = {
  rounds: {
    full: { rounds: 5, sliceMs: 2_000, firstWarmUpMs: 5_000, warmUpMs: 1_000 },
    quick: { rounds: 5, sliceMs: 150, firstWarmUpMs: 2_000, warmUpMs: 200 },
  },
  paired: {
    full: { rounds: 40, sliceMs: 500, firstWarmUpMs: 4_000, warmUpMs: 1_000 },
    quick: { rounds: 24, sliceMs: 300, firstWarmUpMs: 1_500, warmUpMs: 300 },
  },
  telemetry: {
    full: { rounds: 40, sliceMs: 500, firstWarmUpMs: 4_000, warmUpMs: 1_000 },
    quick: { rounds: 24, sliceMs: 300, firstWarmUpMs: 1_500, warmUpMs: 300 },
  },
};

export const help = `npm run bench -- [options]

Without options: every row at every workload, in alternating rounds, in about 7 minutes.

  --quick               the same with short slices, in under a minute
  --paired              one row against ${BASE_ROW} in short paired slices, A B B A; exits 1 where
                        its CPU time a call is over the bar (--only names the row, '${PAIRED_ROW}'
                        unless told; --workload one workload, unary-10 unless told)
  --telemetry           what the default telemetry costs: CPU time a call with and without it in
                        paired slices, one call through metrics alone, and a scrape of 300
                        methods; exits 1 over a bar
  --layers              the cost of a bound no-op interceptor layer; exits 1 over the bar
  --only ROW,…          only these rows:
                        ${rowNames.join(', ')}
  --workload NAME,…     only these workloads: ${workloadNames.slice(0, 4).join(', ')},
                        ${workloadNames.slice(4).join(', ')}
  --rounds N            rounds (${ROUNDS.min} to ${ROUNDS.max}); with --paired and --telemetry pairs, an
                        even number (${PAIRS.min} to ${PAIRS.max})
  --slice-ms N          length of one slice (${SLICE_MS.min} to ${SLICE_MS.max})
  --json FILE           write the raw figures and the environment there
  --cpu-prof DIR        write a CPU profile of each process there
  --help                this text

Exit code: 0 done, 1 a bar was missed, 2 the command line is wrong, 3 a measurement failed.
`;

const flags = {
  quick: { type: 'boolean', default: false },
  paired: { type: 'boolean', default: false },
  telemetry: { type: 'boolean', default: false },
  layers: { type: 'boolean', default: false },
  only: { type: 'string' },
  workload: { type: 'string' },
  rounds: { type: 'string' },
  'slice-ms': { type: 'string' },
  json: { type: 'string' },
  'cpu-prof': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

type Flags = ReturnType<typeof parseFlags>;

/** Throws a UsageError that says what to change. */
export function parseOptions(args: readonly string[]): Options {
  const values = parseFlags(args);
  if (values.help) return { mode: 'help' };
  const jsonFile = writable(values.json);
  if (values.layers) {
    const others = ['paired', 'telemetry', 'only', 'workload', 'rounds', 'slice-ms', 'cpu-prof'];
    refuseUseless('layers', others, values);
    return { mode: 'layers', quick: values.quick, jsonFile };
  }
  if (values.telemetry) refuseUseless('telemetry', ['paired', 'only'], values);
  const mode = values.telemetry ? 'telemetry' : values.paired ? 'paired' : 'rounds';
  const chosen = choices[mode](values);
  const schedule = chooseSchedule(mode, values);
  return { mode, ...chosen, schedule, jsonFile, profileDirectory: values['cpu-prof'] };
}

// The return type follows from the flags above.
function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function refuseUseless(mode: string, names: readonly string[], values: Flags): void {
  const given = values as Readonly<Record<string, unknown>>;
  const useless = names.find((name) => given[name] !== undefined && given[name] !== false);
  if (useless !== undefined) throw new UsageError(`--${useless} does nothing with --${mode}`);
}

const choices: Record<LoadMode, (values: Flags) => Pick<LoadOptions, 'rows' | 'workloads'>> = {
  rounds: chooseMany,
  paired: choosePair,
  telemetry: (values) => ({ rows: TELEMETRY_ROWS, workloads: [chooseWorkload(values)] }),
};

function chooseMany(values: Flags): Pick<LoadOptions, 'rows' | 'workloads'> {
  const rows = values.only === undefined ? usualRows : asked('--only', values.only).map(rowFor);
  const names = values.workload;
  // In the order of the tables, whatever the order they were asked in.
  return {
    rows: rowNames.filter((row) => rows.includes(row)),
    workloads: names === undefined ? workloads : asked('--workload', names).map(workloadFor),
  };
}

function choosePair(values: Flags): Pick<LoadOptions, 'rows' | 'workloads'> {
  const [row, ...moreRows] = asked('--only', values.only ?? PAIRED_ROW);
  if (row === undefined || moreRows.length > 0) {
    throw new UsageError(`--paired sets one row against ${BASE_ROW}: name one with --only`);
  }
  return { rows: [rowFor(row)], workloads: [chooseWorkload(values)] };
}

function chooseWorkload(values: Flags): Workload {
  const [workload, ...more] = asked('--workload', values.workload ?? 'unary-10');
  if (workload === undefined || more.length > 0) {
    throw new UsageError('pairs are of one workload: name one with --workload');
  }
  return workloadFor(workload);
}

function chooseSchedule(mode: LoadMode, values: Flags): Schedule {
  const schedule = schedules[mode][values.quick ? 'quick' : 'full'];
  const range = mode === 'rounds' ? ROUNDS : PAIRS;
  const rounds = integer('--rounds', values.rounds, range) ?? schedule.rounds;
  if (mode !== 'rounds' && rounds % 2 !== 0) {
    throw new UsageError(`--rounds must be even with --${mode}: A B B A is two pairs`);
  }
  const sliceMs = integer('--slice-ms', values['slice-ms'], SLICE_MS) ?? schedule.sliceMs;
  return { ...schedule, rounds, sliceMs };
}

function asked(flag: string, list: string): string[] {
  const names = list.split(',').map((name) => name.trim());
  const distinct = [...new Set(names)].filter((name) => name !== '');
  if (distinct.length === 0) throw new UsageError(`${flag} names nothing`);
  return distinct;
}

function rowFor(name: string): RowName {
  if (isRowName(name)) return name;
  throw new UsageError(`no row '${name}'; there are ${rowNames.join(', ')}`);
}

function workloadFor(name: string): Workload {
  const workload = workloadNamed(name);
  if (workload !== undefined) return workload;
  throw new UsageError(`no workload '${name}'; there are ${workloadNames.join(', ')}`);
}

function integer(
  flag: string,
  text: string | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not '${text}'`);
}

/** Better now than after minutes of measuring. */
function writable(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
    return file;
  } catch {
    throw new UsageError(`--json: cannot write to the directory of '${file}'`);
  }
}
