import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the loop is looked at, in ms. A delay is counted with it. */
const RESOLUTION_MS = 10;

/** Looks that make a 99th percentile. */
const ENOUGH = 100;

/** Looks after which it begins anew: about 10 s. */
const WINDOW = 1_000;

/** How late an event loop was lately. */
export class LoopLag {
  private readonly histogram: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({
    resolution: RESOLUTION_MS,
  });
  private lastMs: number | null = null;

  start(): void {
    this.histogram.enable();
  }

  stop(): void {
    this.histogram.disable();
    this.histogram.reset();
    this.lastMs = null;
  }

  /** The 99th percentile, in ms; null while nothing is known. */
  read(): number | null {
    const { histogram } = this;
    if (histogram.count < ENOUGH) return this.lastMs;
    this.lastMs = Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
    if (histogram.count >= WINDOW) histogram.reset();
    return this.lastMs;
  }
}
