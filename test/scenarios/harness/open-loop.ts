/** What an open loop needs of the world. */
export interface Schedule {
  /** Ms of any monotonic clock. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly perSecond: number;
  readonly arrivals: 'poisson' | 'fixed';
}

/**
 * Starts calls when they are due, whether or not earlier ones are done, as customers do. A load
 * that waits for answers goes easy on a slow server and hides how slow it is. Calls that this
 * process was too late for start at once, and are told when they were due.
 */
export class OpenLoop {
  private readonly schedule: Schedule;
  private readonly startCall: (dueMs: number) => void;
  private dueMs: number;
  private timer: NodeJS.Timeout | undefined = undefined;
  private stopped = false;

  constructor(schedule: Schedule, startCall: (dueMs: number) => void) {
    this.schedule = schedule;
    this.startCall = startCall;
    this.dueMs = schedule.now() + nextGapMs(schedule);
    this.arm();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private arm(): void {
    const waitMs = Math.max(0, this.dueMs - this.schedule.now());
    this.timer = setTimeout(() => this.run(), waitMs);
  }

  private run(): void {
    const { now } = this.schedule;
    while (!this.stopped && this.dueMs <= now()) {
      const dueMs = this.dueMs;
      this.dueMs += nextGapMs(this.schedule);
      this.startCall(dueMs);
    }
    if (!this.stopped) this.arm();
  }
}

/** Time from one arrival to the next, in ms. */
export function nextGapMs({ perSecond, arrivals, random }: Schedule): number {
  const meanMs = 1_000 / perSecond;
  return arrivals === 'fixed' ? meanMs : -Math.log(1 - random()) * meanMs;
}
