import type { AccessLogOptions, Logger, Runtime } from '../../../src/index.ts';
import { accessLog, createRuntime } from '../../../src/index.ts';
import type { LogEntry, ManualClock, RecordingLogger } from '../../../src/testing/index.ts';
import { recordingLogger, testRuntime } from '../../../src/testing/index.ts';
import type { Pair, PairOptions, ShapesImplementation } from '../../support/harness.ts';
import { startPair } from '../../support/harness.ts';

/** Every call of both sides. */
export const EVERYTHING: AccessLogOptions = { sides: ['server', 'client'], sample: 1 };

export interface LoggedPair extends Pair {
  /** The access log's own lines, the oldest first. */
  lines(): readonly LogEntry[];
}

/** A pair whose access log is kept, in real time. */
export function loggedPair(
  options: AccessLogOptions,
  overrides: Partial<ShapesImplementation> = {},
  pair: PairOptions = {},
): Promise<LoggedPair> {
  const logger = recordingLogger();
  const runtime = createRuntime({ logger, telemetry: [accessLog(options)] });
  return withLines(runtime, logger, overrides, pair);
}

/** The same on a clock that stands still. */
export function stillPair(
  options: AccessLogOptions,
  overrides: Partial<ShapesImplementation> = {},
  pair: PairOptions = {},
): Promise<LoggedPair & { readonly clock: ManualClock }> {
  const runtime = testRuntime({ telemetry: [accessLog(options)] });
  return withLines(runtime, runtime.logger, overrides, pair).then((made) => ({
    ...made,
    clock: runtime.clock,
  }));
}

/** A runtime that logs elsewhere. */
export function runtimeTo(
  logger: Logger,
  options: AccessLogOptions,
): Runtime & { log: LogEntry[] } {
  return { ...createRuntime({ logger, telemetry: [accessLog(options)] }), log: [] };
}

async function withLines(
  runtime: Runtime,
  logger: RecordingLogger,
  overrides: Partial<ShapesImplementation>,
  options: PairOptions,
): Promise<LoggedPair> {
  const log = logger.entries;
  const pair = await startPair(overrides, { ...options, runtime: { ...runtime, log } });
  return { ...pair, lines: () => log.filter(({ message }) => message === 'call') };
}
