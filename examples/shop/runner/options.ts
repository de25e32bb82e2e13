import { parseArgs } from 'node:util';

import { FAULTS, type FaultKind } from './faults.ts';
import { FEATURES, type Feature, parseFeatures } from './without.ts';

/** How long `--once` runs, in s: a round of all faults, and a moment to get well. */
const DURATION_S = 28;
/** The time that it takes to strike, to be noticed and to get well. */
const LEAST_S_PER_FAULT = 2.5;

export const HELP = `npm start -- [OPTIONS]

Generates the example contracts and runs a small shop as real processes: a gateway calls orders,
which calls three replicas of inventory, and payments. It breaks them, one after the other, and
shows what their customers notice: kill (SIGKILL), drain (SIGTERM) and trouble (slow and failing)
strike a replica of inventory, outage strikes payments. It stays up until Ctrl-C.

Each process has a console at a URL that is printed first: open the gateway's or that of orders in a
browser, and watch the faults from inside. /metrics beside it is for Prometheus; examples/fleet has
a dashboard and alerts.

  --once               every fault once, then the final table; ends with 0 when all is well, and
                       with 1 when an idempotent unary call failed, anything ran twice, a fault
                       did not strike, a method was not called or a process died by itself
  --duration SECONDS   how long --once takes: ${DURATION_S} if not said, at least ${LEAST_S_PER_FAULT} a fault
  --faults LIST        of ${FAULTS.join(',')}; or none
  --without LIST       of ${FEATURES.join(',')}: turned off, to see what they are for
  --policy FILE        in place of examples/shop/policy.yaml
  --targets FILE       kept as a list of where the metrics are, for Prometheus's file_sd_configs
  --seed NUMBER        of the dice that choose replicas and times; printed, to see a run again
  --help               this text`;

export interface StartOptions {
  readonly help: boolean;
  /** How long to run, in ms; undefined until Ctrl-C. */
  readonly durationMs: number | undefined;
  readonly faults: readonly FaultKind[];
  readonly without: readonly Feature[];
  /** Undefined for the shop's own. */
  readonly policy: string | undefined;
  /** Where to list the processes for Prometheus; undefined for nowhere. */
  readonly targets: string | undefined;
  readonly seed: number;
}

/** What the command line got wrong, in a sentence. */
export class UsageError extends Error {}

export function parseStartOptions(args: readonly string[]): StartOptions {
  const { help, once, duration, ...values } = parse(args);
  if (duration !== undefined && !once) {
    throw new UsageError('--duration is how long --once runs: give both');
  }
  const faults = parseFaults(values.faults);
  const seconds = parseSeconds(duration, faults.length * LEAST_S_PER_FAULT);
  return {
    help,
    durationMs: once ? seconds * 1_000 : undefined,
    faults,
    without: asUsage(() => parseFeatures(values.without)),
    policy: values.policy,
    targets: values.targets,
    seed: parseSeed(values.seed),
  };
}

function parseSeconds(text: string | undefined, least: number): number {
  const seconds = Number(text ?? DURATION_S);
  if (!(seconds > 0 && seconds <= 86_400) || text?.trim() === '') {
    throw new UsageError(`--duration takes seconds, up to a day, as in 30 or 12.5; not '${text}'`);
  }
  if (seconds >= least) return seconds;
  throw new UsageError(
    `--duration ${text} is too short for these faults: give ${least} or more, or fewer --faults`,
  );
}

function parseFaults(list: string | undefined): FaultKind[] {
  if (list === undefined) return [...FAULTS];
  if (list.trim() === 'none') return [];
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !FAULTS.some((fault) => fault === name));
  if (unknown !== undefined) {
    throw new UsageError(`--faults takes some of ${FAULTS.join(',')}, or none; not '${unknown}'`);
  }
  return FAULTS.filter((fault) => names.includes(fault));
}

function parseSeed(text: string | undefined): number {
  if (text === undefined) return 1 + Math.floor(Math.random() * 9_999);
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0 && text.trim() !== '') return seed;
  throw new UsageError(`--seed takes a whole number from 0 on, as in 7; not '${text}'`);
}

function asUsage<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

type Values = Readonly<
  Record<'duration' | 'faults' | 'without' | 'policy' | 'targets' | 'seed', string>
>;

/** parseArgs says which argument is wrong, and that is all there is to say. */
function parse(
  args: readonly string[],
): { readonly help: boolean; readonly once: boolean } & Partial<Values> {
  const string = { type: 'string' } as const;
  return asUsage(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        once: { type: 'boolean', default: false },
        duration: string,
        faults: string,
        without: string,
        policy: string,
        targets: string,
        seed: string,
      },
    });
    return values;
  });
}
