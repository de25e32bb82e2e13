import { addHistogram, emptyHistogram, type Histogram } from './histogram.ts';

/** How calls of one method ended, as their client saw them. */
export interface MethodReport {
  ok: number;
  failed: number;
  /** Calls that may have run and streams that were interrupted: see `outcome.ts`. */
  unknown: number;
  latency: Histogram;
  /** The latest end other than OK, in words. */
  lastFailure: string | undefined;
}

/** What was left of the deadline at one stage of a call's way, for the mean. */
export interface HopReport {
  count: number;
  sumMs: number;
}

/** What a process has seen since its last report. */
export interface Report {
  /** By method, as in `orders.GetOrder`. */
  readonly methods: Map<string, MethodReport>;
  /** By `ENTRY STAGE`, as in `GetOrder inventory`. */
  readonly hops: Map<string, HopReport>;
  /** Calls that this process has served. */
  served: number;
}

export function emptyReport(): Report {
  return { methods: new Map(), hops: new Map(), served: 0 };
}

/** The part of a report for a method; made on first use. */
export function methodOf(report: Report, name: string): MethodReport {
  let method = report.methods.get(name);
  if (method === undefined) {
    const latency = emptyHistogram();
    method = { ok: 0, failed: 0, unknown: 0, latency, lastFailure: undefined };
    report.methods.set(name, method);
  }
  return method;
}

export function addHop(report: Report, key: string, { count, sumMs }: HopReport): void {
  const before = report.hops.get(key) ?? { count: 0, sumMs: 0 };
  report.hops.set(key, { count: before.count + count, sumMs: before.sumMs + sumMs });
}

export function addReport(into: Report, from: Report): void {
  for (const [name, added] of from.methods) {
    const method = methodOf(into, name);
    method.ok += added.ok;
    method.failed += added.failed;
    method.unknown += added.unknown;
    addHistogram(method.latency, added.latency);
    method.lastFailure = added.lastFailure ?? method.lastFailure;
  }
  for (const [key, hop] of from.hops) addHop(into, key, hop);
  into.served += from.served;
}

export function callsOf({ ok, failed, unknown }: MethodReport): number {
  return ok + failed + unknown;
}
