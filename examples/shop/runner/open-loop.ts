import { ClientError } from '../../../src/index.ts';

/**
 * Starts calls at a fixed rate, whether or not earlier ones are done, as customers do. A load that
 * waits for answers would go easy on a slow server and hide how slow it is.
 */
export class OpenLoop {
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly running = new Set<Promise<void>>();

  start(callsPerSecond: number, makeCall: () => Promise<void>): void {
    this.timers.push(setInterval(() => this.run(makeCall), 1_000 / callsPerSecond));
  }

  /** Starts no more, and waits for what is running. */
  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.running);
  }

  private run(makeCall: () => Promise<void>): void {
    const running = makeCall().catch((error: unknown) => {
      // A failed call was counted by the meter. Anything else is a bug and ends the process.
      if (!(error instanceof ClientError)) throw error;
    });
    this.running.add(running);
    void running.finally(() => this.running.delete(running));
  }
}
