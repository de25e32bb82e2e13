import type { AmbientContext } from './ambient.ts';
import type { Clock } from './clock.ts';

/** What the layers need to tell a person. pino's own shape, so that a pino logger fits. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/**
 * What the whole process shares, handed down explicitly: no registry, no global. A client and a
 * server must share one for calls made inside a handler to inherit its deadline.
 */
export interface Runtime {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly ambient: AmbientContext;
}
