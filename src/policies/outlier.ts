import { checkAboveZero, checkNumber, checkWhole } from '../core/checks.ts';
import type { EjectionPolicy } from './policy.ts';

/** What is known of one endpoint's successes. */
export class OutlierHost {
  /** How it is called in logs. */
  readonly name: string;
  /** Since the last comparison. */
  successes = 0;
  failures = 0;
  /** Failures since the last success. */
  inRow = 0;
  /** When it comes back; undefined while it is not ejected. */
  ejectedUntilMs: number | undefined = undefined;
  /** How often it was ejected at all. */
  ejections = 0;
  /** How many base times the last ejection took; one less after each healthy interval (A50). */
  multiplier = 0;
  /** Since when it has not been ejected. */
  backSinceMs: number = Number.NEGATIVE_INFINITY;

  constructor(name: string) {
    this.name = name;
  }
}

/** One endpoint is left alone for a while. */
export interface Ejection {
  readonly host: OutlierHost;
  readonly reason: string;
  readonly forMs: number;
}

/**
 * Outlier detection (A50, after Envoy's): ejects endpoints that fail several times in a row, and
 * compares all of them at intervals, by success rate where they are many and by failure percentage
 * where they are few. Knows nothing of connections and timers: it is told outcomes and times.
 */
export class OutlierDetector {
  /** All that may be ejected. */
  readonly hosts: Set<OutlierHost> = new Set();
  private policy: EjectionPolicy;
  private readonly random: () => number;
  private nextMs: number;

  constructor(policy: EjectionPolicy, nowMs: number, random: () => number) {
    checkEjection('ejection', policy);
    this.policy = policy;
    this.random = random;
    this.nextMs = nowMs + policy.intervalMs;
  }

  /** Takes another policy; who is ejected stays so until its time. */
  configure(policy: EjectionPolicy, nowMs: number): void {
    checkEjection('ejection', policy);
    this.policy = policy;
    this.nextMs = Math.min(this.nextMs, nowMs + policy.intervalMs);
  }

  /** True once endpoints are to be compared again. It costs one comparison a call, and no timer. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.nextMs;
  }

  succeeded(host: OutlierHost): void {
    host.successes++;
    host.inRow = 0;
  }

  /** Returns the ejection that this failure causes, if it does. */
  failed(host: OutlierHost, nowMs: number): Ejection | undefined {
    host.failures++;
    host.inRow++;
    const { consecutiveFailures } = this.policy;
    if (host.inRow < consecutiveFailures) return undefined;
    return this.eject(host, `${host.inRow} failures in a row`, nowMs);
  }

  /** Compares all with each other, and begins to count anew. */
  compare(nowMs: number): Ejection[] {
    const { intervalMs, requestVolume, minHosts } = this.policy;
    const counted = [...this.hosts].filter(
      (host) => host.ejectedUntilMs === undefined && volume(host) >= requestVolume,
    );
    const ejections =
      counted.length >= minHosts
        ? this.bySuccessRate(counted, nowMs)
        : this.byFailurePercent(counted, nowMs);
    // The next comparison may be late where calls are rare: several intervals have passed then.
    const intervals = 1 + Math.floor((nowMs - this.nextMs) / intervalMs);
    for (const host of this.hosts) this.settle(host, nowMs, intervals);
    this.nextMs = nowMs + intervalMs;
    return ejections;
  }

  /** Lets back in whoever's time is over. */
  returns(nowMs: number): OutlierHost[] {
    const back = [...this.hosts].filter((host) => (host.ejectedUntilMs ?? Infinity) <= nowMs);
    for (const host of back) this.readmit(host, nowMs);
    return back;
  }

  /** When the next one's time is over; undefined while none is ejected. */
  get nextReturnMs(): number | undefined {
    let next: number | undefined;
    for (const { ejectedUntilMs } of this.hosts) {
      if (ejectedUntilMs !== undefined && !(next !== undefined && next <= ejectedUntilMs)) {
        next = ejectedUntilMs;
      }
    }
    return next;
  }

  /** Ends an ejection; what was counted before is forgotten. */
  readmit(host: OutlierHost, nowMs: number): void {
    host.ejectedUntilMs = undefined;
    host.backSinceMs = nowMs;
    host.successes = 0;
    host.failures = 0;
    host.inRow = 0;
  }

  /**
   * Too far below the others: mean − deviation × factor. Fewer failures than it takes in a row
   * eject nobody: among flawless peers a single one would be an outlier.
   */
  private bySuccessRate(counted: readonly OutlierHost[], nowMs: number): Ejection[] {
    const { stdevFactor, consecutiveFailures } = this.policy;
    const rates = counted.map((host) => host.successes / volume(host));
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    const least = mean - (Math.sqrt(variance) * stdevFactor) / 1_000;
    return this.ejectAll(
      counted.filter((host, i) => (rates[i] ?? 1) < least && host.failures >= consecutiveFailures),
      (host) => `success rate ${percent(1 - failureRate(host))}, the mean is ${percent(mean)}`,
      nowMs,
    );
  }

  /** More than so many failures, while the median of the others has fewer. */
  private byFailurePercent(counted: readonly OutlierHost[], nowMs: number): Ejection[] {
    const limit = this.policy.failurePercent / 100;
    const failing = counted.filter((host) => {
      if (failureRate(host) < limit) return false;
      const others = counted.filter((other) => other !== host).map(failureRate);
      return others.length > 0 && median(others) < limit;
    });
    const reason = (host: OutlierHost): string =>
      `${percent(failureRate(host))} of ${volume(host)} calls failed`;
    return this.ejectAll(failing, reason, nowMs);
  }

  private ejectAll(
    hosts: readonly OutlierHost[],
    reason: (host: OutlierHost) => string,
    nowMs: number,
  ): Ejection[] {
    return hosts.flatMap((host) => this.eject(host, reason(host), nowMs) ?? []);
  }

  private eject(host: OutlierHost, reason: string, nowMs: number): Ejection | undefined {
    if (host.ejectedUntilMs !== undefined || !this.hosts.has(host) || !this.mayEject()) {
      return undefined;
    }
    const { baseMs, maxMs, jitter } = this.policy;
    host.multiplier++;
    host.ejections++;
    // A base above the bound raises it (A50).
    const longestMs = Math.max(baseMs, maxMs);
    const timeMs = Math.min(baseMs * host.multiplier, longestMs);
    const forMs = Math.min(longestMs, timeMs * (1 + jitter * (2 * this.random() - 1)));
    host.ejectedUntilMs = nowMs + forMs;
    return { host, reason, forMs };
  }

  /** One of several always may go; never more than the share. */
  private mayEject(): boolean {
    let ejected = 0;
    for (const { ejectedUntilMs } of this.hosts) if (ejectedUntilMs !== undefined) ejected++;
    const { size } = this.hosts;
    if (ejected === 0) return size > 1;
    return ((ejected + 1) / size) * 100 <= this.policy.maxPercent;
  }

  /** After a comparison: counts from 0, and forgives one ejection a healthy interval. */
  private settle(host: OutlierHost, nowMs: number, intervals: number): void {
    host.successes = 0;
    host.failures = 0;
    if (host.ejectedUntilMs !== undefined) return;
    const healthy = Math.floor((nowMs - host.backSinceMs) / this.policy.intervalMs);
    host.multiplier = Math.max(0, host.multiplier - Math.min(intervals, healthy));
  }
}

/** Refuses numbers that make no outlier detection. */
export function checkEjection(key: string, policy: EjectionPolicy): void {
  checkWhole(`${key}.consecutiveFailures`, policy.consecutiveFailures, 1);
  checkAboveZero(`${key}.intervalMs`, policy.intervalMs);
  checkAboveZero(`${key}.baseMs`, policy.baseMs);
  checkAboveZero(`${key}.maxMs`, policy.maxMs);
  checkNumber(`${key}.jitter`, policy.jitter, 0, 1);
  checkNumber(`${key}.maxPercent`, policy.maxPercent, 0, 100);
  checkNumber(`${key}.panicPercent`, policy.panicPercent, 0, 100);
  checkWhole(`${key}.requestVolume`, policy.requestVolume, 1);
  checkNumber(`${key}.stdevFactor`, policy.stdevFactor, 0);
  checkNumber(`${key}.failurePercent`, policy.failurePercent, 0, 100);
  checkWhole(`${key}.minHosts`, policy.minHosts, 1);
}

function volume({ successes, failures }: OutlierHost): number {
  return successes + failures;
}

function failureRate(host: OutlierHost): number {
  return host.failures / volume(host);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
