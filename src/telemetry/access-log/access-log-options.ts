import type { Logger } from '../../core/call-runtime.ts';
import { checkAboveZero, checkNumber } from '../../core/checks.ts';
import { ConfigError } from '../../core/errors.ts';

/** Whether this process served a call or made it. */
export type Side = 'server' | 'client';

/** What the access log writes, and how much of it. */
export interface AccessLogOptions {
  /** Where lines go, of pino's shape. Default the runtime's logger. */
  readonly logger?: Logger;
  /** Which calls: those that this process serves, those that it makes. Default `['server']`. */
  readonly sides?: readonly Side[];
  /**
   * Share of the calls that ended with OK in time that are logged, 0 to 1; chosen at random at
   * their end. Failures do not go by it. Default 0.01: each line is a write that the process may
   * have to wait for, and a hundredth of what goes well shows what the rest looks like.
   */
  readonly sample?: number;
  /** A call that took at least as long is logged whatever the sample; in ms. Default 1 000. */
  readonly slowMs?: number;
  /**
   * At most as many lines a second of calls that failed or were slow, so that an incident does
   * not drown in its own log. Each of these has that many for itself, so that none can hide the
   * others: the failures at `error`, at `warn` and at `info`, calls of methods that are not served,
   * and slow calls that ended with OK. How many were left out is told by a line of its own, `calls
   * left out of the access log`, once a second has passed and a call ends: `suppressed` is their
   * number, `codes` the number by the name of the code. Default 50.
   */
  readonly errorsPerSecond?: number;
  /**
   * Keys of request metadata whose values are logged, cut to 200 characters: `['x-request-id']`.
   * Binary values (`*-bin`) are refused, and so is a key that sounds like credentials: one that
   * contains `authorization`, `authentication`, `cookie`, `token`, `secret`, `api-key` or `apikey`,
   * `password`, `credential` or `session`, in any case. Default none.
   */
  readonly metadata?: readonly string[];
  /** Log calls of health checks and reflection, too. Default false. */
  readonly healthChecks?: boolean;
}

/** The options, checked and filled in. */
export interface AccessLogSettings {
  readonly logger: Logger | undefined;
  readonly sides: ReadonlySet<Side>;
  readonly sample: number;
  readonly slowMs: number;
  readonly errorsPerSecond: number;
  /** In lower case, as metadata keys are. */
  readonly metadata: readonly string[];
  readonly healthChecks: boolean;
}

const SIDES: ReadonlySet<unknown> = new Set<Side>(['server', 'client']);
const LEVELS = ['error', 'warn', 'info'] as const;

/** Whoever holds the value can be its owner. */
const CREDENTIALS =
  /authorization|authentication|cookie|token|secret|api[-_.]?key|password|credential|session/;

type Defaults = Required<Omit<AccessLogOptions, 'logger'>>;

const DEFAULTS: Defaults = {
  sides: ['server'],
  sample: 0.01,
  slowMs: 1_000,
  errorsPerSecond: 50,
  metadata: [],
  healthChecks: false,
};

const KNOWN: ReadonlySet<string> = new Set(['logger', ...Object.keys(DEFAULTS)]);

/** Throws a `ConfigError` that names the option that makes no sense. */
export function accessLogSettings(options: AccessLogOptions): AccessLogSettings {
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) {
      throw new ConfigError(`accessLog.${key} is no option: use ${[...KNOWN].join(', ')}`);
    }
  }
  const { logger } = options;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const filled: Defaults = { ...DEFAULTS, ...Object.fromEntries(given) };
  if (logger !== undefined) checkLogger(logger);
  checkSides(filled.sides);
  checkNumber('accessLog.sample', filled.sample, 0, 1);
  checkAboveZero('accessLog.slowMs', filled.slowMs);
  checkAboveZero('accessLog.errorsPerSecond', filled.errorsPerSecond);
  if (typeof filled.healthChecks !== 'boolean') {
    throw new ConfigError(
      `accessLog.healthChecks is ${String(filled.healthChecks)}: give a boolean`,
    );
  }
  return { ...filled, logger, sides: new Set(filled.sides), metadata: checkKeys(filled.metadata) };
}

function checkLogger(logger: Logger): void {
  const missing = LEVELS.find((level) => typeof logger?.[level] !== 'function');
  if (missing === undefined) return;
  throw new ConfigError(`accessLog.logger has no method '${missing}': give a pino logger`);
}

function checkSides(sides: readonly Side[]): void {
  const list: readonly unknown[] = Array.isArray(sides) ? sides : [];
  if (list.length > 0 && list.every((side) => SIDES.has(side))) return;
  throw new ConfigError(
    `accessLog.sides is ${JSON.stringify(sides)}: give 'server', 'client' or both, in an array`,
  );
}

function checkKeys(keys: readonly string[]): string[] {
  if (!Array.isArray(keys)) {
    throw new ConfigError(`accessLog.metadata is ${String(keys)}: give an array of keys`);
  }
  return keys.map((key, index) => checkKey(`accessLog.metadata[${index}]`, key));
}

function checkKey(option: string, key: unknown): string {
  if (typeof key !== 'string' || !/^[0-9a-z_.-]+$/i.test(key)) {
    throw new ConfigError(`${option} is ${JSON.stringify(key)}: that is no metadata key`);
  }
  const lower = key.toLowerCase();
  if (CREDENTIALS.test(lower)) {
    throw new ConfigError(
      `${option} is '${key}', which by its name carries credentials: whoever reads the log could use them`,
    );
  }
  if (lower.endsWith('-bin')) {
    throw new ConfigError(
      `${option} is '${key}', whose values are bytes that nobody can look through for secrets`,
    );
  }
  return lower;
}
