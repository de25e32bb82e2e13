import type { EndpointSnapshot } from '../../../src/index.ts';
import { type Cell, type Column, layOut } from './layout.ts';
import { milliseconds } from './method-table.ts';
import { CALLERS, REPLICAS } from './shop.ts';
import type { Figures } from './statistics.ts';
import type { ProcessState } from './supervisor.ts';

const REPLICA_COLUMNS: readonly Column[] = [
  { title: 'replica', words: true },
  { title: 'pid', width: 7 },
  { title: 'address', words: true, width: 15, spare: 1 },
  { title: 'done to it', words: true, width: 13 },
  { title: 'state', words: true, width: 10 },
  { title: 'calls', width: 5 },
  { title: 'ms', width: 5 },
  { title: 'share', width: 6 },
  { title: 'ejected', width: 7 },
];

/** The replicas of inventory, as orders sees them through `channel.snapshot()`. */
export function replicaTable(
  figures: Figures,
  states: readonly ProcessState[],
  endpoints: ReadonlyMap<string, EndpointSnapshot>,
  width?: number,
): string[] {
  const replicas = states.filter(({ name }) => REPLICAS.includes(name));
  const all = replicas.reduce((sum, state) => sum + picksOf(figures, state), 0);
  const rows = replicas.map((state): Cell[] => {
    const { name, pid, address, up, fault } = state;
    const endpoint = endpoints.get(address ?? '');
    const share = all === 0 ? '-' : `${((100 * picksOf(figures, state)) / all).toFixed(1)} %`;
    return [
      name,
      up ? String(pid) : '-',
      address ?? '-',
      fault === undefined ? '-' : { text: fault, style: 'bad' },
      stateOf(endpoint, up),
      String(endpoint?.inFlight ?? '-'),
      milliseconds(endpoint?.latencyMs),
      share,
      ejectedFor(endpoint),
    ];
  });
  return layOut(REPLICA_COLUMNS, rows, width);
}

/** The other processes, in a line. */
export function otherProcesses(states: readonly ProcessState[]): string {
  return states
    .filter(({ name }) => !REPLICAS.includes(name))
    .map(({ name, pid, up, fault }) => {
      const what = up ? `${name} ${pid}` : `${name} down`;
      return fault === undefined ? what : `${what} (${fault})`;
    })
    .join('   ');
}

/** A row for each process: where it is, and what it served. */
export function processTable(
  states: readonly ProcessState[],
  figures: Figures | undefined,
): string[] {
  const columns: readonly Column[] = [
    { title: 'process', words: true },
    { title: 'pid' },
    { title: 'address', words: true },
    { title: 'console', words: true },
    { title: figures === undefined ? '' : 'served/s' },
  ];
  const rows = states.map(({ name, pid, address, admin, up }) => {
    const served = figures && (figures.served.get(name) ?? 0) / figures.seconds;
    const rate = served === undefined || address === undefined ? '' : served.toFixed(1);
    return [name, String(pid ?? '-'), up ? (address ?? '-') : 'down', consoleOf(admin), rate];
  });
  return layOut(columns, rows);
}

/**
 * The consoles of those that call others, where most is to be seen, and, where there is room for
 * it, the ports of the others.
 */
export function consoleLines(states: readonly ProcessState[], others: boolean): string[] {
  const callers = CALLERS.flatMap((caller) =>
    states
      .filter(({ name, admin }) => name === caller && admin !== undefined)
      .map(({ name, admin }) => `${name} ${consoleOf(admin)}`),
  );
  const rest = states
    .filter(({ name, admin }) => !CALLERS.includes(name) && admin !== undefined)
    .map(({ name, admin = '' }) => `${name} :${new URL(admin).port}`);
  return [
    ...(callers.length === 0 ? [] : [callers.join('  ')]),
    ...(others && rest.length > 0 ? [rest.join('  ')] : []),
  ];
}

function consoleOf(admin: string | undefined): string {
  return admin === undefined ? '-' : `${admin}/console`;
}

/** `33 % / ejected / 67 %`: the shares of the replicas, or why one gets nothing. */
export function sharesLine(
  figures: Figures,
  states: readonly ProcessState[],
  endpoints: ReadonlyMap<string, EndpointSnapshot>,
): string {
  const replicas = states.filter(({ name }) => REPLICAS.includes(name));
  const all = replicas.reduce((sum, state) => sum + picksOf(figures, state), 0);
  const shares = replicas.map((state) => {
    const endpoint = endpoints.get(state.address ?? '');
    if (!state.up) return 'down';
    if (endpoint?.ejectedUntilMs !== undefined) return 'ejected';
    return all === 0 ? '-' : `${((100 * picksOf(figures, state)) / all).toFixed(0)} %`;
  });
  return shares.join(' / ');
}

function picksOf({ report }: Figures, { address }: ProcessState): number {
  return report.picks.get(address ?? '') ?? 0;
}

function stateOf(endpoint: EndpointSnapshot | undefined, up: boolean): Cell {
  if (endpoint === undefined) return '-';
  const { state, ejectedUntilMs } = endpoint;
  if (ejectedUntilMs !== undefined) return { text: 'ejected', style: 'bad' };
  if (state === 'ready') return { text: state, style: up ? 'good' : 'doubtful' };
  return { text: state, style: state === 'connecting' ? 'doubtful' : 'bad' };
}

function ejectedFor(endpoint: EndpointSnapshot | undefined): Cell {
  const leftMs = endpoint?.ejectedUntilMs;
  if (leftMs === undefined) return '-';
  return { text: `${(leftMs / 1_000).toFixed(1)} s`, style: 'bad' };
}
