import type { EndpointSnapshot } from '../../../src/index.ts';
import type { Events, ShopEvent } from './events.ts';
import { quantile } from './histogram.ts';
import { paint, STYLE_OF } from './layout.ts';
import type { Ledger } from './ledger.ts';
import { methodTable, milliseconds } from './method-table.ts';
import {
  consoleLines,
  otherProcesses,
  processTable,
  replicaTable,
  sharesLine,
} from './process-table.ts';
import { callsOf, methodOf } from './report.ts';
import type { Room } from './screen.ts';
import { METHODS } from './shop.ts';
import type { Statistics } from './statistics.ts';
import type { Supervisor } from './supervisor.ts';
import { type Standings, totalsOf } from './totals.ts';

/** What can be shown of a run. */
export interface ShopState {
  readonly statistics: Statistics;
  readonly supervisor: Supervisor;
  readonly events: Events;
  readonly ledger: Ledger;
  readonly standings: Standings;
  readonly endpoints: ReadonlyMap<string, EndpointSnapshot>;
  /** What was turned off, for the title. */
  readonly without: readonly string[];
}

/** The events that a table shows at least, where it has to be short. */
const LEAST_EVENTS = 5;

/** Everything on one screen; the events get the rows that are left. */
export function liveView(state: ShopState, { rows, columns }: Room): string[] {
  const { statistics, supervisor, events, standings, endpoints } = state;
  const lately = statistics.lately();
  const { report } = statistics.overall();
  const states = supervisor.states();
  const heading = (roomy: boolean): string[] => [
    title(state, columns),
    ...consoleLines(states, roomy),
  ];
  const rest = [
    methodTable(lately, report, standings, columns),
    replicaTable(lately, states, endpoints, columns),
    [otherProcesses(states), ...countLines(state)],
  ];
  const roomiest = [heading(true), ...rest];
  // Empty lines and the smaller consoles are for those who have room for them.
  const gaps = rows - roomiest.flat().length - LEAST_EVENTS >= roomiest.length;
  const parts = [heading(gaps), ...rest];
  const fixed = parts.flatMap((part) => (gaps ? [...part, ''] : part));
  const lines = events.latest(Math.min(12, rows - fixed.length)).map(eventLine);
  return [...fixed, ...lines];
}

/** The shop in one line, for where no table can be redrawn. */
export function summaryLine(state: ShopState): string {
  const { statistics, supervisor, standings, endpoints } = state;
  const lately = statistics.lately();
  const { idempotent, others, retries, hedges } = totalsOf(statistics.overall().report, standings);
  const calls = METHODS.reduce((sum, { name }) => sum + callsOf(methodOf(lately.report, name)), 0);
  const p99 = quantile(methodOf(lately.report, 'orders.GetOrder').latency, 0.99);
  return [
    clock(statistics.overall().seconds),
    `${(calls / lately.seconds).toFixed(0)} calls/s`,
    `${idempotent.refused + idempotent.unknown} of ${idempotent.calls} idempotent failed`,
    `${others.refused + others.unknown} of ${others.calls} others`,
    `${retries} retries, ${hedges} hedges`,
    `p99 ${milliseconds(p99)} ms`,
    sharesLine(lately, supervisor.states(), endpoints),
  ].join('  ');
}

/** All that was counted, for the end. */
export function finalView(
  { statistics, supervisor, standings }: ShopState,
  width: number | undefined,
): string[] {
  const overall = statistics.overall();
  return [
    `The shop was open for ${overall.seconds.toFixed(1)} s.`,
    "ms left: of the caller's deadline, at gateway›orders›inventory|payments.",
    '',
    ...methodTable(overall, overall.report, standings, width),
    '',
    ...processTable(supervisor.states(), overall),
  ];
}

/** Where the processes are, for the beginning. */
export function processLines({ supervisor }: ShopState): string[] {
  return processTable(supervisor.states(), undefined);
}

/** Where to look into the shop, for the very beginning. */
export function welcomeLine({ supervisor }: ShopState): string {
  return `Look inside: ${consoleLines(supervisor.states(), false).join('')}`;
}

export function eventLine({ seconds, text, tone }: ShopEvent): string {
  return `${clock(seconds)}  ${paint(text, STYLE_OF[tone])}`;
}

function title({ statistics, without }: ShopState, columns: number): string {
  const off = without.length === 0 ? '' : ` without ${without.join(', ')}`;
  const name = `The inboard shop${off}`;
  const seconds = statistics.overall().seconds.toFixed(0);
  const right = `up ${seconds} s; rates are of the last 5 s`;
  return paint(name, 'bold') + right.padStart(Math.max(right.length + 2, columns - name.length));
}

function countLines({ statistics, standings, ledger }: ShopState): string[] {
  const { report } = statistics.overall();
  const { idempotent, others, retries, hedges } = totalsOf(report, standings);
  const failed = idempotent.refused + idempotent.unknown;
  const first = paint(
    `idempotent: ${failed} of ${idempotent.calls} failed`,
    failed > 0 ? 'bad' : 'good',
  );
  const twice = paint(`${ledger.twice} ran twice`, ledger.twice > 0 ? 'bad' : 'good');
  return [
    `${first}   others: ${others.refused} refused, ${others.unknown} unknown`,
    `${twice}   ${retries} retries   ${hedges} hedges   ` +
      `${report.ejections} ejections   ${report.breakersOpened} breakers opened`,
  ];
}

function clock(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`;
}
