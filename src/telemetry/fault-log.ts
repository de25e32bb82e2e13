import type { CallRuntime } from '../core/call-runtime.ts';

/** How long nothing more is told, in ms: what throws once mostly throws at every call. */
const QUIET_MS = 60_000;

/**
 * Tells, at most once a minute, that a part of OpenTelemetry threw: an SDK, or what a user has
 * plugged into it. Calls go on without it.
 */
export class FaultLog {
  private readonly what: string;
  private quietUntilMs = Number.NEGATIVE_INFINITY;

  /** `what`: of which part it is the log. */
  constructor(what: string) {
    this.what = what;
  }

  /** Never throws, whatever the logger does. */
  tell(error: unknown, { clock, logger }: CallRuntime): void {
    const nowMs = clock.now();
    if (nowMs < this.quietUntilMs) return;
    this.quietUntilMs = nowMs + QUIET_MS;
    try {
      logger.error({ err: error }, `${this.what} threw: calls go on without what it does`);
    } catch {
      // Nobody is left to tell.
    }
  }
}
