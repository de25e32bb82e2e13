import { addReport, emptyReport, type Report } from './report.ts';

/** What was seen in a stretch of time. */
export interface Figures {
  readonly seconds: number;
  readonly report: Report;
  /** Calls that each process has served. */
  readonly served: ReadonlyMap<string, number>;
}

interface Arrival {
  readonly atMs: number;
  readonly name: string;
  readonly report: Report;
}

/** Adds up what the processes report. */
export class Statistics {
  private readonly windowMs: number;
  private startMs = performance.now();
  private endMs: number | undefined = undefined;
  private readonly total = emptyReport();
  private readonly served = new Map<string, number>();
  private arrivals: Arrival[] = [];

  /** `windowMs` is what counts as lately. */
  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** The load begins. */
  begin(): void {
    this.startMs = performance.now();
  }

  /** The load ends: what still comes in is the rest of it. */
  end(): void {
    this.endMs ??= performance.now();
  }

  add(name: string, report: Report): void {
    const atMs = performance.now();
    addReport(this.total, report);
    this.served.set(name, (this.served.get(name) ?? 0) + report.served);
    this.arrivals.push({ atMs, name, report });
    this.arrivals = this.arrivals.filter((arrival) => atMs - arrival.atMs < this.windowMs);
  }

  /** Since the load began. */
  overall(): Figures {
    return { seconds: this.elapsedMs() / 1_000, report: this.total, served: this.served };
  }

  /** In the latest window. */
  lately(): Figures {
    const oldestMs = performance.now() - this.windowMs;
    const report = emptyReport();
    const served = new Map<string, number>();
    for (const arrival of this.arrivals) {
      if (arrival.atMs < oldestMs) continue;
      addReport(report, arrival.report);
      served.set(arrival.name, (served.get(arrival.name) ?? 0) + arrival.report.served);
    }
    // Of less than a second no rate is told.
    const elapsedMs = Math.max(1_000, Math.min(this.windowMs, this.elapsedMs()));
    return { seconds: elapsedMs / 1_000, report, served };
  }

  private elapsedMs(): number {
    return (this.endMs ?? performance.now()) - this.startMs;
  }
}
