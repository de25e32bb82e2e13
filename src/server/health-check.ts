import type { Timer } from '../core/clock.ts';
import type { Runtime } from '../core/runtime.ts';

/** Looks whether a service can do its work: true when it can. The signal says: too late. */
export type HealthCheck = (signal: AbortSignal) => boolean | Promise<boolean>;

/** How often a check is asked, and how long it may take. */
export interface CheckOptions {
  /** How long a result stands, in ms. Default 5 000. */
  readonly intervalMs?: number;
  /** How long the check may take, in ms. Default 1 000. */
  readonly timeoutMs?: number;
}

interface Settings extends Required<CheckOptions> {
  readonly service: string;
  /** Told when the result is another one than before. */
  readonly changed: () => void;
}

/** Runs one check again and again, never twice at a time, and keeps its last result. */
export class CheckRunner {
  private readonly runtime: Runtime;
  private readonly check: HealthCheck;
  private readonly settings: Settings;
  private result: boolean | undefined = undefined;
  private running: AbortController | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private stopped = false;

  constructor(runtime: Runtime, check: HealthCheck, settings: Settings) {
    this.runtime = runtime;
    this.check = check;
    this.settings = settings;
  }

  /** False before the first result, too. */
  get passes(): boolean {
    return this.result === true;
  }

  start(): void {
    // A check may be added in a handler, whose deadline is none of the check's business.
    this.runtime.ambient.outside(() => void this.run());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.clear();
    this.running?.abort();
  }

  private async run(): Promise<void> {
    if (this.stopped) return;
    const { timeoutMs } = this.settings;
    const controller = new AbortController();
    this.running = controller;
    this.timer = this.timerIn(timeoutMs, () => {
      const late = new DOMException(`It took longer than ${timeoutMs} ms`, 'TimeoutError');
      controller.abort(late);
      this.settle(false, late);
    });
    let passed = false;
    let failure: unknown;
    try {
      const answer: unknown = await this.check(controller.signal);
      passed = answer === true;
    } catch (error) {
      failure = error;
    }
    this.running = undefined;
    if (this.stopped) return;
    this.timer.clear();
    // A result that came too late is none.
    if (!controller.signal.aborted) this.settle(passed, failure);
    this.timer = this.timerIn(this.settings.intervalMs, () => void this.run());
  }

  private settle(passed: boolean, error: unknown): void {
    const before = this.result;
    if (before === passed) return;
    this.result = passed;
    const { logger } = this.runtime;
    const { service } = this.settings;
    if (!passed) logger.warn({ err: error, service }, 'a health check fails');
    else if (before !== undefined) logger.info({ service }, 'a health check passes again');
    this.settings.changed();
  }

  private timerIn(ms: number, callback: () => void): Timer {
    const { clock } = this.runtime;
    return clock.setTimer(clock.now() + ms, callback);
  }
}
