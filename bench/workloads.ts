export type WorkloadName =
  | 'unary-1'
  | 'unary-10'
  | 'unary-100'
  | 'unary-20-connections'
  | 'stream-1k'
  | 'stream-64k'
  | 'bidi';

/** What a slice of load consists of. */
export interface Workload {
  readonly name: WorkloadName;
  readonly title: string;
  readonly kind: 'unary' | 'server-stream' | 'bidi';
  readonly connections: number;
  /** Calls in flight on each connection. */
  readonly inFlight: number;
  readonly payloadBytes: number;
  /** Responses that one call brings, for server streams. */
  readonly messagesPerCall: number;
  /** What the rate counts; CPU time is given per call, message or round trip. */
  readonly unit: 'requests/s' | 'messages/s' | 'MB/s' | 'round trips/s';
}

const KIB = 1024;

/** Small enough that the framework shows, and not only the codec or the copying of bytes. */
const UNARY_PAYLOAD_BYTES = 64;

function unary(name: WorkloadName, title: string, connections: number, inFlight: number): Workload {
  const payloadBytes = UNARY_PAYLOAD_BYTES;
  return {
    name,
    title,
    kind: 'unary',
    connections,
    inFlight,
    payloadBytes,
    messagesPerCall: 1,
    unit: 'requests/s',
  };
}

/** What compiles most of a library's code; run before anything is counted. */
export const warmUpWorkload: Workload = unary(
  'unary-10',
  'unary, 10 in flight on 1 connection',
  1,
  10,
);

export const workloads: readonly Workload[] = [
  unary('unary-1', 'unary, 1 in flight on 1 connection', 1, 1),
  warmUpWorkload,
  unary('unary-100', 'unary, 100 in flight on 1 connection', 1, 100),
  unary('unary-20-connections', 'unary, 5 in flight on each of 20 connections', 20, 5),
  {
    name: 'stream-1k',
    title: 'server streaming, messages of 1 KiB, streams of 500, one at a time',
    kind: 'server-stream',
    connections: 1,
    inFlight: 1,
    payloadBytes: KIB,
    messagesPerCall: 500,
    unit: 'messages/s',
  },
  {
    name: 'stream-64k',
    title: 'server streaming, messages of 64 KiB, streams of 64, one at a time',
    kind: 'server-stream',
    connections: 1,
    inFlight: 1,
    payloadBytes: 64 * KIB,
    messagesPerCall: 64,
    unit: 'MB/s',
  },
  {
    name: 'bidi',
    title: 'bidirectional streaming, one message to and fro on one stream',
    kind: 'bidi',
    connections: 1,
    inFlight: 1,
    payloadBytes: UNARY_PAYLOAD_BYTES,
    messagesPerCall: 1,
    unit: 'round trips/s',
  },
];

export const workloadNames: readonly WorkloadName[] = workloads.map(({ name }) => name);

export function workloadNamed(name: string): Workload | undefined {
  return workloads.find((workload) => workload.name === name);
}

/** The rate in the workload's unit of `count` calls, messages or round trips in `elapsedMs`. */
export function rateOf(workload: Workload, count: number, elapsedMs: number): number {
  const perSecond = (count * 1000) / elapsedMs;
  return workload.unit === 'MB/s' ? (perSecond * workload.payloadBytes) / 1e6 : perSecond;
}
