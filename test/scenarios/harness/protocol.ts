import type { CallRecord, StreamRecord } from './records.ts';
import type { Behaviour, ClientSpec, LoadSpec, ServerSpec } from './specs.ts';

/** What the orchestrator asks of its children over IPC; each question is answered once. */
export type Api = Record<string, (argument: never) => Promise<unknown>>;

export interface Question {
  readonly id: number;
  readonly op: string;
  readonly argument: unknown;
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string };

/** What must not grow in a process that lives long. */
export interface Gauges {
  /** After a garbage collection. */
  readonly heapBytes: number;
  /** Timers that keep the process alive. */
  readonly timers: number;
  /** All else that does: sockets, servers, requests. */
  readonly handles: number;
  readonly files: number;
}

/** What a server has seen since it started. */
export interface ServerCounts {
  readonly name: string;
  /** When each call arrived, on the machine's monotonic clock, by method. */
  readonly arrivals: Readonly<Record<string, readonly number[]>>;
  /** When each TCP connection was accepted. */
  readonly accepted: readonly number[];
  /** For each relayed call: when its handler began and its work ended, after its caller's expiry. */
  readonly relays: readonly { readonly startedMs: number; readonly overMs: number }[];
}

// Types and not interfaces, since only those fit the index signature of Api.
export type ServerApi = {
  start: (spec: ServerSpec) => Promise<null>;
  behave: (behaviour: Behaviour) => Promise<null>;
  counts: (argument: null) => Promise<ServerCounts>;
  stop: (argument: null) => Promise<Gauges>;
};

/** What came of the calls and streams of a load. */
export interface LoadReport {
  readonly calls: readonly CallRecord[];
  readonly streams: readonly StreamRecord[];
}

/** A channel's own view of its endpoints, as plain data. */
export type Snapshot = unknown;

/** What became of a watched policy file. */
export interface PolicyState {
  readonly changes: number;
  readonly problem?: string;
}

export type LoadApi = {
  /** Makes clients; the calls of a load are spread over those it names. */
  open: (specs: readonly ClientSpec[]) => Promise<null>;
  /** Begins a load and answers at once. */
  start: (load: LoadSpec) => Promise<null>;
  /** Starts no more calls, waits for those in flight and tells of all. */
  stop: (argument: null) => Promise<LoadReport>;
  /** Of the first channel. */
  snapshot: (argument: null) => Promise<Snapshot>;
  /** Makes the clients anew, as a program does that cannot change a policy in place. */
  reopen: (specs: readonly ClientSpec[]) => Promise<null>;
  /** How often the policy file of the first client changed its policy, and what is wrong with it. */
  policy: (argument: null) => Promise<PolicyState>;
  /** When each socket was opened, since the process began. */
  dials: (argument: null) => Promise<readonly number[]>;
  /** What was logged as a warning or an error. */
  logged: (argument: null) => Promise<readonly string[]>;
  /** What this process takes for the time of day, in ms. */
  wallClock: (argument: null) => Promise<number>;
  close: (argument: null) => Promise<Gauges>;
};
