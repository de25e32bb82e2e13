import type { WorkloadName } from './workloads.ts';

/** What the parent asks of its children over IPC: one question at a time, each answered once. */
export type Api = Record<string, (argument: never) => Promise<unknown>>;

export interface Question {
  readonly op: string;
  readonly argument: unknown;
}

export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

/** CPU time that a process has used, all its threads together. */
export interface CpuTime {
  readonly userMicros: number;
  readonly systemMicros: number;
}

export interface OpenLoad {
  readonly port: number;
  readonly workload: WorkloadName;
}

/** What one slice of load came to, as the client saw it. */
export interface SliceReport {
  /** Calls, messages or round trips, as the workload counts. */
  readonly count: number;
  readonly elapsedMs: number;
  /** Of one operation: a call, a round trip, or a whole server stream. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

// Types and not interfaces, since only those fit the index signature of Api.
export type ServerApi = {
  /** Starts the server and answers its port. */
  start: (argument: null) => Promise<number>;
  usage: (argument: null) => Promise<CpuTime>;
};

export type ClientApi = {
  open: (argument: OpenLoad) => Promise<null>;
  /** Runs the opened load for so many milliseconds and until its last call is over. */
  run: (durationMs: number) => Promise<SliceReport>;
  close: (argument: null) => Promise<null>;
};

/** Ends a child in an orderly way; a question that every child takes and none answers. */
export const EXIT_OP = 'exit';

export function cpuMicros(usage: CpuTime): number {
  return usage.userMicros + usage.systemMicros;
}

export function cpuTime(): CpuTime {
  const { user, system } = process.cpuUsage();
  return { userMicros: user, systemMicros: system };
}
