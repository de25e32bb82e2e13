import { quantile } from './histogram.ts';
import { callsOf, methodOf, type Report } from './report.ts';
import { METHODS, REPLICAS } from './shop.ts';
import type { Figures } from './statistics.ts';
import type { ProcessState } from './supervisor.ts';

/** What the last column of the method table shows. */
export const LEGEND = "ms left: of the caller's deadline, at gateway›orders›inventory|payments.";

/**
 * A row for each method. Rates, latencies and deadlines are of `figures`, counts are of `total`:
 * a live table shows the latest of the one, and all of the other.
 */
export function methodTable(figures: Figures, total: Report): string[] {
  const head = ['method', 'calls/s', 'p50', 'p99 ms', 'ok', 'failed', 'unknown', 'ms left'];
  const rows = METHODS.map(({ name }) => {
    const lately = methodOf(figures.report, name);
    const { ok, failed, unknown } = methodOf(total, name);
    return [
      name,
      (callsOf(lately) / figures.seconds).toFixed(1),
      milliseconds(quantile(lately.latency, 0.5)),
      milliseconds(quantile(lately.latency, 0.99)),
      String(ok),
      String(failed),
      String(unknown),
      hops(figures.report, name),
    ];
  });
  return layOut([head, ...rows], new Set([0, 7]));
}

/** A row for each process: where it is, and what it serves. */
export function processTable(figures: Figures, states: readonly ProcessState[]): string[] {
  const replicated = REPLICAS.reduce((sum, name) => sum + (figures.served.get(name) ?? 0), 0);
  const rows = states.map(({ name, pid, address, up }) => {
    const served = figures.served.get(name) ?? 0;
    const isReplica = REPLICAS.includes(name) && replicated > 0;
    return [
      name,
      String(pid ?? '-'),
      up ? (address ?? '-') : 'down',
      address === undefined ? '-' : (served / figures.seconds).toFixed(1),
      isReplica ? `${((100 * served) / replicated).toFixed(1)} %` : '-',
    ];
  });
  return layOut([['process', 'pid', 'address', 'served/s', 'share'], ...rows], new Set([0, 2]));
}

/** The shop in one line, for where no table can be redrawn. */
export function summaryLine({ seconds, report }: Figures, total: Figures): string {
  const sums = { calls: 0, ok: 0, failed: 0, unknown: 0 };
  for (const { name } of METHODS) {
    const { ok, failed, unknown } = methodOf(total.report, name);
    sums.calls += callsOf(methodOf(report, name));
    sums.ok += ok;
    sums.failed += failed;
    sums.unknown += unknown;
  }
  return [
    `${total.seconds.toFixed(0).padStart(5)} s`,
    `${(sums.calls / seconds).toFixed(0)} calls/s`,
    `${sums.ok} ok`,
    `${sums.failed} failed`,
    `${sums.unknown} unknown`,
    `GetOrder p99 ${milliseconds(quantile(methodOf(report, 'orders.GetOrder').latency, 0.99))} ms`,
    `PlaceOrder ${hops(report, 'orders.PlaceOrder')}`,
  ].join('  ');
}

/** `2000›1998›1995`: the mean at each stage that the calls of an entry method came through. */
function hops({ hops: seen }: Report, name: string): string {
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

function milliseconds(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** Pads cells to columns; figures to the right, `left` columns to the left. */
function layOut(rows: readonly (readonly string[])[], left: ReadonlySet<number>): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return left.has(column) ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
