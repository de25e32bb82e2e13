import { addHistogram, emptyHistogram, type Histogram } from './histogram.ts';

/** How calls of one method ended, as their client saw them. */
export interface MethodReport {
  ok: number;
  /** Not executed for certain, or refused for a reason: see `outcome.ts`. */
  failed: number;
  /** Calls that may have run and streams that were interrupted. */
  unknown: number;
  retries: number;
  hedges: number;
  /** Retries and hedges that the budget did not allow. */
  overBudget: number;
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
  /** Calls that this process has sent, by address. */
  readonly picks: Map<string, number>;
  /** Endpoints that its channels have left alone for a while. */
  ejections: number;
  breakersOpened: number;
  /** Calls that this process has served. */
  served: number;
  /** Of these, calls that it made fail on purpose, and calls that it held up. */
  readonly struck: { failed: number; slowed: number };
}

export function emptyReport(): Report {
  return {
    methods: new Map(),
    hops: new Map(),
    picks: new Map(),
    ejections: 0,
    breakersOpened: 0,
    served: 0,
    struck: { failed: 0, slowed: 0 },
  };
}

/** The part of a report for a method; made on first use. */
export function methodOf(report: Report, name: string): MethodReport {
  let method = report.methods.get(name);
  if (method === undefined) {
    const counts = { ok: 0, failed: 0, unknown: 0, retries: 0, hedges: 0, overBudget: 0 };
    method = { ...counts, latency: emptyHistogram(), lastFailure: undefined };
    report.methods.set(name, method);
  }
  return method;
}

export function addHop(report: Report, key: string, { count, sumMs }: HopReport): void {
  const before = report.hops.get(key) ?? { count: 0, sumMs: 0 };
  report.hops.set(key, { count: before.count + count, sumMs: before.sumMs + sumMs });
}

export function addReport(into: Report, from: Report): void {
  for (const [name, added] of from.methods) addMethod(methodOf(into, name), added);
  for (const [key, hop] of from.hops) addHop(into, key, hop);
  for (const [address, picks] of from.picks) {
    into.picks.set(address, (into.picks.get(address) ?? 0) + picks);
  }
  into.ejections += from.ejections;
  into.breakersOpened += from.breakersOpened;
  into.served += from.served;
  into.struck.failed += from.struck.failed;
  into.struck.slowed += from.struck.slowed;
}

function addMethod(into: MethodReport, from: MethodReport): void {
  into.ok += from.ok;
  into.failed += from.failed;
  into.unknown += from.unknown;
  into.retries += from.retries;
  into.hedges += from.hedges;
  into.overBudget += from.overBudget;
  addHistogram(into.latency, from.latency);
  into.lastFailure = from.lastFailure ?? into.lastFailure;
}

export function callsOf({ ok, failed, unknown }: MethodReport): number {
  return ok + failed + unknown;
}
