import type { BreakerState } from '../../../src/index.ts';
import { quantile } from './histogram.ts';
import { type Cell, type Column, layOut } from './layout.ts';
import { callsOf, methodOf, type Report } from './report.ts';
import { METHODS } from './shop.ts';
import type { Figures } from './statistics.ts';
import type { Standings } from './totals.ts';

const COLUMNS: readonly Column[] = [
  { title: 'method', words: true },
  { title: 'calls/s', width: 7 },
  { title: 'ok %', width: 5 },
  { title: 'p50', width: 5 },
  { title: 'p95', width: 5 },
  { title: 'p99 ms', width: 6 },
  { title: 'retry', width: 5 },
  { title: 'hedge', width: 5 },
  { title: 'breaker', words: true, width: 9 },
  { title: 'failed', width: 6, spare: 2 },
  { title: 'unknown', width: 7, spare: 2 },
  { title: 'ms left', words: true, spare: 1 },
];

const BREAKER: Readonly<Record<BreakerState, Cell>> = {
  closed: { text: 'closed', style: 'good' },
  half_open: { text: 'half-open', style: 'doubtful' },
  open: { text: 'open', style: 'bad' },
};

/**
 * A row for each method. Rates, shares and latencies are of `figures`, counts are of `total`: a
 * live table shows the latest of the one, and all of the other.
 */
export function methodTable(
  figures: Figures,
  total: Report,
  standings: Standings,
  width?: number,
): string[] {
  const rows = METHODS.map(({ name }): Cell[] => {
    const lately = methodOf(figures.report, name);
    const calls = callsOf(lately);
    const { retries, hedges, failed, unknown } = methodOf(total, name);
    return [
      name,
      (calls / figures.seconds).toFixed(1),
      success(lately.ok, calls),
      ...[0.5, 0.95, 0.99].map((share) => milliseconds(quantile(lately.latency, share))),
      String(retries),
      String(hedges),
      breaker(standings, name),
      count(failed),
      count(unknown),
      hops(figures.report, name),
    ];
  });
  return layOut(COLUMNS, rows, width);
}

/** `2000›1998›1995`: the mean at each stage that the calls of an entry method came through. */
export function hops({ hops: seen }: Report, name: string): string {
  const entry = name.slice(name.indexOf('.') + 1);
  const left = (stage: string): string | undefined => {
    const hop = seen.get(`${entry} ${stage}`);
    return hop === undefined ? undefined : (hop.sumMs / hop.count).toFixed(0);
  };
  const payments = left('payments');
  const way = [left('gateway'), left('orders'), left('inventory')];
  const joined = way.filter((stage) => stage !== undefined).join('›');
  return payments === undefined ? joined : `${joined}|${payments}`;
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function success(ok: number, calls: number): Cell {
  if (calls === 0) return '-';
  const percent = (100 * ok) / calls;
  // A hundred is said of nothing that is less.
  const text = ok === calls ? '100' : Math.min(percent, 99.9).toFixed(1);
  if (ok === calls) return text;
  return { text, style: percent < 90 ? 'bad' : 'doubtful' };
}

function breaker(standings: Standings, name: string): Cell {
  const state = standings.get(name)?.breaker;
  if (state !== undefined) return BREAKER[state];
  return standings.has(name) ? { text: 'off', style: 'dim' } : '-';
}

function count(value: number): Cell {
  return value === 0 ? '0' : { text: String(value), style: 'doubtful' };
}
