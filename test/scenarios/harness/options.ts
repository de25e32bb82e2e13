import { parseArgs } from 'node:util';

import type { Variant } from './scenario.ts';

export interface LabOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly quick: boolean;
  readonly seeds: number;
  /** How much of the machine runs may take together, above 0 and up to 1. */
  readonly load: number;
  readonly variants: readonly Variant[];
  readonly jsonFile: string | undefined;
  /** Which scenarios; all where none is named. */
  readonly names: readonly string[];
}

/** What the command line got wrong, in a sentence. */
export class UsageError extends Error {}

export const HELP = `npm run lab -- [NAME…] [options]

Breaks real processes in every way of the table of bars, under open-loop load from processes of its
own, and counts. Each scenario runs with 3 seeds, then once with its feature off, where the bar must
be missed, and once with a client of stock grpc-js.

  NAME…            only these scenarios (see --list)
  --quick          the short form: the scenarios of the quick form, shorter, one seed
  --seeds N        seeds of each scenario (default 3; 1 with --quick)
  --only WHAT,…    only these columns: on, off, stock
  --load SHARE     how much of the machine runs take together (default 1; less where it is slow)
  --json FILE      write all figures there
  --list           the scenarios and their bars' features
  --help           this text

Exit code: 0 all bars met and all controls fail, 1 not so, 2 the command line is wrong.`;

const VARIANTS: readonly Variant[] = ['on', 'off', 'stock'];

export function parseLabOptions(args: readonly string[]): LabOptions {
  const { values, positionals } = parse(args);
  const seeds = Number(values.seeds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > 100) {
    throw new UsageError(`--seeds takes a whole number from 1 to 100, not '${values.seeds}'`);
  }
  const load = Number(values.load ?? 1);
  if (!(load > 0 && load <= 1)) {
    throw new UsageError(`--load takes a number above 0 and up to 1, not '${values.load}'`);
  }
  return {
    help: values.help,
    list: values.list,
    quick: values.quick,
    seeds,
    load,
    variants: variantsOf(values.only, values.quick),
    jsonFile: values.json,
    names: positionals,
  };
}

/** The quick form is about inboard: it leaves the stock client out unless told. */
function variantsOf(text: string | undefined, quick: boolean): readonly Variant[] {
  if (text === undefined) return quick ? ['on', 'off'] : VARIANTS;
  const asked = text.split(',').map((part) => part.trim());
  const unknown = asked.find((part) => !VARIANTS.some((variant) => variant === part));
  if (unknown !== undefined) {
    throw new UsageError(`--only takes ${VARIANTS.join(', ')}, not '${unknown}'`);
  }
  return VARIANTS.filter((variant) => asked.includes(variant));
}

// The return type follows from the options.
function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        list: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        seeds: { type: 'string' },
        load: { type: 'string' },
        only: { type: 'string' },
        json: { type: 'string' },
      },
    });
  } catch (error) {
    // parseArgs says which argument, and that is all there is to say.
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
