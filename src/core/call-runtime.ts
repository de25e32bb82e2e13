import type { AmbientContext } from './ambient.ts';
import type { Clock } from './clock.ts';

/** What the layers need to tell a person. pino's own shape, so that a pino logger fits. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** What a call needs of the process that it is made in. */
export interface CallRuntime {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly ambient: AmbientContext;
}
