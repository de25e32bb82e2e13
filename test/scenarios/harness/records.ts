import { Status } from '../../../src/index.ts';

import { IDEMPOTENT, type UnaryMethod } from './specs.ts';

/** One call, as the application saw it. */
export interface CallRecord {
  readonly method: UnaryMethod;
  /** When it was due, in ms of the machine's monotonic clock. */
  readonly scheduledMs: number;
  /** From when it was due to its end, so that a load generator that is late hides nothing. */
  readonly latencyMs: number;
  readonly code: Status;
  /** What a failure said. */
  readonly details: string;
  /** Times it was sent; 0 where the client does not tell. */
  readonly attempts: number;
  /** How long its longest attempt took, in ms; 0 where the client does not tell. */
  readonly longestAttemptMs: number;
  /** The address of its last attempt; empty where the client does not tell. */
  readonly endpoint: string;
  /** Who answered; empty for a failure. */
  readonly server: string;
  /** The header `tenant`. */
  readonly tenant: string;
}

/** One server stream, or one watch of a server's health, from its opening to its end. */
export interface StreamRecord {
  readonly kind: 'follow' | 'health';
  readonly openedMs: number;
  readonly endedMs: number;
  readonly messages: number;
  readonly code: Status;
  readonly details: string;
}

/** Calls of one load, and what can be said of them. */
export class Calls {
  readonly records: readonly CallRecord[];

  constructor(records: readonly CallRecord[]) {
    this.records = records;
  }

  get count(): number {
    return this.records.length;
  }

  get failed(): Calls {
    return this.where(({ code }) => code !== Status.OK);
  }

  get idempotent(): Calls {
    return this.where(({ method }) => IDEMPOTENT.includes(method));
  }

  /** Share of the calls that succeeded, 0 to 1; 1 where there were none. */
  get successRatio(): number {
    return this.count === 0 ? 1 : 1 - this.failed.count / this.count;
  }

  get attempts(): number {
    return this.records.reduce((sum, { attempts }) => sum + attempts, 0);
  }

  where(matches: (record: CallRecord) => boolean): Calls {
    return new Calls(this.records.filter(matches));
  }

  of(...methods: readonly UnaryMethod[]): Calls {
    return this.where(({ method }) => methods.includes(method));
  }

  /** Those that were due in a stretch of time. */
  between(fromMs: number, toMs: number = Number.POSITIVE_INFINITY): Calls {
    return this.where(({ scheduledMs }) => scheduledMs >= fromMs && scheduledMs < toMs);
  }

  /** The latency that a share of the calls did not exceed, by nearest rank; NaN without calls. */
  quantile(share: number): number {
    return quantile(
      this.records.map(({ latencyMs }) => latencyMs),
      share,
    );
  }

  /** How often each failure occurred, commonest first: `3 × UNAVAILABLE: connection lost`. */
  failures(most: number = 3): string[] {
    const counts = new Map<string, number>();
    for (const { code, details, attempts } of this.failed.records) {
      const after = attempts === 0 ? '' : ` (attempts: ${attempts})`;
      const text = `${Status[code]}: ${details}${after}`;
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
    return sorted.slice(0, most).map(([text, count]) => `${count} × ${text}`);
  }
}

/** The smallest value that a share of all values do not exceed; NaN where there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
}

/** The largest number of events in any window of that width. */
export function densest(timesMs: readonly number[], windowMs: number): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, time] of sorted.entries()) {
    while (time - (sorted[first] ?? time) >= windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
