import type { DoneFault, FaultKind } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { callsOf, type MethodReport, methodOf, type Report } from './report.ts';
import { METHODS, type ShopMethod } from './shop.ts';
import { type Standings, type Totals, totalsOf } from './totals.ts';

export interface Verdict {
  readonly passed: boolean;
  readonly lines: readonly string[];
}

/** What a run came to. */
export interface Results {
  readonly seconds: number;
  readonly seed: number;
  readonly report: Report;
  readonly standings: Standings;
  readonly ledger: Ledger;
  /** The faults that should have struck, and those that did. */
  readonly planned: readonly FaultKind[];
  readonly done: readonly DoneFault[];
  /** Processes that ended by themselves. */
  readonly deaths: readonly string[];
}

/**
 * A run fails for an idempotent unary call that failed, for anything that ran twice, for a fault
 * that did not strike, for a method that nobody called and for a process that died by itself.
 * Calls that are not idempotent may fail: making them again would be worse.
 */
export function judge(results: Results): Verdict {
  const { report, standings, ledger, deaths } = results;
  const totals = totalsOf(report, standings);
  const { idempotent, others, streams } = totals;
  const failed = idempotent.refused + idempotent.unknown;
  const idle = METHODS.filter(({ name }) => callsOf(methodOf(report, name)) === 0);
  const missed = missedFaults(results);
  const lines = [
    verdict(failed > 0, `idempotent unary calls that failed: ${failed} of ${idempotent.calls}`),
    verdict(
      ledger.twice > 0,
      `ran twice: ${ledger.twice} of ${ledger.total} charges, reservations`,
    ),
    ...missed.map((why) => verdict(true, why)),
    ...idle.map(({ name }) => verdict(true, `nobody called ${name}`)),
    ...deaths.map((death) => verdict(true, death)),
    `        others that failed: ${others.refused} of ${others.calls} refused before they ran, ` +
      `${others.unknown} with unknown outcome`,
    `        streams: ${streams.refused} of ${streams.calls} refused, ` +
      `${streams.unknown} interrupted`,
    ...METHODS.flatMap((method) => lastFailure(method, methodOf(report, method.name))),
    figuresLine(results, totals),
  ];
  const bad = failed + ledger.twice + missed.length + idle.length + deaths.length;
  return { passed: bad === 0, lines };
}

/** Everything that matters in one line that a program can read. */
function figuresLine({ seconds, seed, report, ledger, done }: Results, totals: Totals): string {
  const { idempotent, others, retries, hedges, overBudget } = totals;
  const struck = (kind: FaultKind): number =>
    done.filter((fault) => fault.kind === kind && fault.missed === undefined).length;
  const figures: Readonly<Record<string, number | string>> = {
    seconds: seconds.toFixed(1),
    seed,
    idempotent: idempotent.calls,
    failed: idempotent.refused + idempotent.unknown,
    others: others.calls,
    refused: others.refused,
    unknown: others.unknown,
    twice: ledger.twice,
    retries,
    hedges,
    over_budget: overBudget,
    ejections: report.ejections,
    breakers_opened: report.breakersOpened,
    kills: struck('kill'),
    drains: struck('drain'),
    troubles: struck('trouble'),
    outages: struck('outage'),
    struck_calls: report.struck.failed + report.struck.slowed,
  };
  const pairs = Object.entries(figures).map(([key, value]) => `${key}=${value}`);
  return `figures ${pairs.join(' ')}`;
}

function missedFaults({ planned, done }: Results): string[] {
  return planned.flatMap((kind) => {
    const struck = done.filter((fault) => fault.kind === kind);
    if (struck.length === 0) return [`there was no time for the fault '${kind}'`];
    return struck.flatMap(({ missed }) =>
      missed === undefined ? [] : [`the fault '${kind}' did not strike: ${missed}`],
    );
  });
}

function verdict(bad: boolean, text: string): string {
  return `${bad ? 'FAILED' : 'ok    '}  ${text}`;
}

/** The latest failure of a method, in words; nothing where there was none. */
function lastFailure({ name }: ShopMethod, { lastFailure: text }: MethodReport): string[] {
  return text === undefined ? [] : [`        ${name}, last: ${text}`];
}
