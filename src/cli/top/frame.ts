import type {
  ChannelRow,
  CircuitRow,
  ConsoleState,
  MethodRow,
} from '../../telemetry/console/console-state.ts';

/** One column: its heading, its width in characters, and whether it takes what is left. */
interface Column<T> {
  readonly heading: string;
  readonly width: number;
  readonly value: (row: T) => string;
  readonly left?: true;
}

/** A state as lines of at most `columns` characters, from 60 on. */
export function frame(state: ConsoleState, columns: number): string[] {
  const width = Math.max(60, columns);
  const methods = state.methods.toSorted((a, b) => b.rate - a.rate || b.calls - a.calls);
  const endpoints = state.channels.flatMap((channel) =>
    channel.endpoints.map((endpoint) => ({ channel, endpoint })),
  );
  const circuits = state.circuits.toSorted((a, b) => rank(a) - rank(b));
  return [
    ...heading(state).map((line) => cut(line, width)),
    '',
    ...section(METHODS, methods, width, 'no method was called yet'),
    '',
    ...section(ENDPOINTS, endpoints, width, 'no endpoint is known'),
    '',
    ...section(CIRCUITS, circuits, width, 'no circuit has seen a call'),
  ];
}

const METHODS: readonly Column<MethodRow>[] = [
  { heading: 'METHOD', width: 0, left: true, value: (row) => `${arrow(row)} ${shortName(row)}` },
  { heading: '/s', width: 6, value: (row) => short(row.rate) },
  { heading: 'ok %', width: 6, value: ({ success }) => percent(success) },
  { heading: 'p50', width: 6, value: ({ p50 }) => duration(p50) },
  { heading: 'p95', width: 6, value: ({ p95 }) => duration(p95) },
  { heading: 'p99', width: 6, value: ({ p99 }) => duration(p99) },
  { heading: 'now', width: 5, value: ({ inFlight }) => short(inFlight) },
  { heading: 'retry/s', width: 7, value: (row) => short(row.retryRate) },
];

interface EndpointOf {
  readonly channel: ChannelRow;
  readonly endpoint: ChannelRow['endpoints'][number];
}

const ENDPOINTS: readonly Column<EndpointOf>[] = [
  { heading: 'ENDPOINT', width: 0, left: true, value: ({ endpoint }) => endpoint.address },
  { heading: 'state', width: 14, value: ({ endpoint }) => stateOf(endpoint) },
  { heading: 'weight', width: 6, value: ({ endpoint }) => endpoint.weight.toFixed(2) },
  { heading: 'latency', width: 7, value: ({ endpoint }) => duration(endpoint.latencyMs) },
  { heading: 'now', width: 5, value: ({ endpoint }) => short(endpoint.inFlight) },
  { heading: 'ok', width: 6, value: ({ endpoint }) => short(endpoint.successes) },
  { heading: 'failed', width: 6, value: ({ endpoint }) => short(endpoint.failures) },
];

const CIRCUITS: readonly Column<CircuitRow>[] = [
  { heading: 'CIRCUIT', width: 0, left: true, value: shortName },
  { heading: 'state', width: 9, value: ({ state }) => state },
  { heading: 'calls', width: 6, value: ({ calls }) => short(calls) },
  { heading: 'failed', width: 6, value: ({ failures }) => short(failures) },
  { heading: 'opened', width: 6, value: ({ timesOpened }) => short(timesOpened) },
  { heading: 'next probe', width: 10, value: ({ nextProbeInMs }) => duration(nextProbeInMs) },
];

function section<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number,
  none: string,
): string[] {
  const fixed = columns.reduce((sum, column) => sum + column.width + 2, 0) - 2;
  const rest = width - fixed;
  const cell = ({ left, width: own }: Column<T>, text: string): string =>
    left === true ? cut(text, rest).padEnd(rest) : cut(text, own).padStart(own);
  const line = (textOf: (column: Column<T>) => string): string =>
    columns
      .map((column) => cell(column, textOf(column)))
      .join('  ')
      .trimEnd();
  if (rows.length === 0) return [line(({ heading: text }) => text), `  ${none}`];
  return [
    line(({ heading: text }) => text),
    ...rows.map((row) => line(({ value }) => printable(value(row)))),
  ];
}

function heading({ process: of, servers, channels }: ConsoleState): string[] {
  const readiness = of.ready ? 'ready' : 'not ready';
  const memory = `heap ${bytes(of.heapBytes)}, rss ${bytes(of.rssBytes)}`;
  const draining = servers.some((server) => server.draining) ? ', draining' : '';
  const inFlight = servers.reduce((sum, server) => sum + server.inFlight, 0);
  const panic = channels.filter((channel) => channel.panic).map(({ target }) => target);
  const failing = channels.filter(({ resolutionError }) => resolutionError !== null);
  return [
    `${of.name} (pid ${of.pid}), ${readiness}${draining}, up ${uptime(of.uptimeMs)}`,
    `${memory}, loop lag ${duration(of.loopLagMs)}, ${inFlight} calls being served`,
    ...panic.map((target) => `! ${target}: so few endpoints are left that ejections are ignored`),
    ...failing.map(({ target, resolutionError }) => `! ${target}: ${resolutionError}`),
  ].map(printable);
}

/** Names come from another process: nothing of them may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function arrow({ side }: MethodRow): string {
  return side === 'client' ? '→' : '←';
}

/** The package matters least where space is scarce. */
function shortName({ service, method }: { readonly service: string; readonly method: string }) {
  return `${service.slice(service.lastIndexOf('.') + 1)}/${method}`;
}

function stateOf({ state, ejectedForMs }: EndpointOf['endpoint']): string {
  return ejectedForMs === null ? state : `ejected ${duration(ejectedForMs)}`;
}

/** Those that are open come first. */
function rank({ state }: CircuitRow): number {
  return state === 'closed' ? 1 : 0;
}

/** A number in at most five characters. */
function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)}k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 100 ? 1 : 0);
}

function percent(share: number | null): string {
  if (share === null) return '-';
  // 99.96 % is not all of them.
  return share === 1 ? '100' : (Math.floor(share * 1_000) / 10).toFixed(1);
}

function duration(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 100) return `${ms.toFixed(ms < 10 ? 1 : 0)}ms`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : `${Math.round(ms / 1_000)}s`;
}

function uptime(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1_000)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function bytes(value: number): string {
  return `${(value / 2 ** 20).toFixed(0)} MiB`;
}
