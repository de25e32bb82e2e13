import { createAmbientContext } from '../core/ambient.ts';
import { LiveParts } from '../core/telemetry.ts';
import type { Clock, Logger, Runtime, Telemetry } from '../index.ts';
import { ManualClock } from './manual-clock.ts';
import type { RecordingLogger } from './recording-logger.ts';
import { recordingLogger } from './recording-logger.ts';
import { seededRandom } from './seeded-random.ts';

/** Parts of a test's runtime that are not the usual ones. */
export interface TestRuntimeOptions<C extends Clock, L extends Logger> {
  /** Default a `ManualClock` at 0. */
  readonly clock?: C;
  /** Default `seededRandom(1)`. */
  readonly random?: () => number;
  /** Default a `recordingLogger()`. */
  readonly logger?: L;
  /** What it calls itself where it calls others. Default nothing. */
  readonly service?: string;
  /** What watches calls. Default nothing. */
  readonly telemetry?: readonly Telemetry[];
}

/** A runtime whose clock and log a test can get at. */
export interface TestRuntime<C extends Clock, L extends Logger> extends Runtime {
  readonly clock: C;
  readonly logger: L;
}

/**
 * A runtime for one test: time stands still, chance repeats itself, the log is kept, and nothing
 * is shared with other tests. Give the same one to the server and to the client of a test.
 */
export function testRuntime<C extends Clock = ManualClock, L extends Logger = RecordingLogger>(
  options: TestRuntimeOptions<C, L> = {},
): TestRuntime<C, L> {
  const defaults = { clock: new ManualClock(), logger: recordingLogger() };
  return {
    // The defaults are of the types that C and L have where nothing is given.
    clock: options.clock ?? (defaults.clock as Clock as C),
    random: options.random ?? seededRandom(1),
    logger: options.logger ?? (defaults.logger as Logger as L),
    ambient: createAmbientContext(),
    service: options.service,
    telemetry: options.telemetry ?? [],
    parts: new LiveParts(),
  };
}
