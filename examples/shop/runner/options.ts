import { parseArgs } from 'node:util';

export const HELP = `npm start -- [--once [--duration SECONDS]]

Generates the example contracts and runs a small shop as real processes: a gateway calls orders,
which calls three replicas of inventory, and payments. It stays up until Ctrl-C.

  --once               run for 20 s, print the final table and exit: 0 when all is well, 1 when an
                       idempotent unary call failed, a method was not called or a process died
  --duration SECONDS   how long --once runs
  --help               this text`;

export interface StartOptions {
  readonly help: boolean;
  /** How long to run, in ms; undefined until Ctrl-C. */
  readonly durationMs: number | undefined;
}

/** What the command line got wrong, in a sentence. */
export class UsageError extends Error {}

export function parseStartOptions(args: readonly string[]): StartOptions {
  const { help, once, duration } = parse(args);
  if (duration !== undefined && !once) {
    throw new UsageError('--duration is how long --once runs: give both');
  }
  const seconds = Number(duration ?? 20);
  if (!(seconds > 0 && seconds <= 86_400) || duration?.trim() === '') {
    throw new UsageError(
      `--duration takes seconds, up to a day, as in 5 or 0.5; not '${duration}'`,
    );
  }
  return { help, durationMs: once ? seconds * 1_000 : undefined };
}

function parse(args: readonly string[]): {
  readonly help: boolean;
  readonly once: boolean;
  readonly duration?: string | undefined;
} {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        once: { type: 'boolean', default: false },
        duration: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    // parseArgs says which argument, and that is all there is to say.
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
