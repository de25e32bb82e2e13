import type { BreakerState } from '../../policies/breaker.ts';

/** What the console shows at one moment: one event of its stream. Times are in ms, ages count back. */
export interface ConsoleState {
  /** Wall clock, in ms since 1970. */
  readonly at: number;
  readonly process: ProcessState;
  /** Both sides; in no particular order. */
  readonly methods: readonly MethodRow[];
  readonly channels: readonly ChannelRow[];
  readonly circuits: readonly CircuitRow[];
  readonly servers: readonly ServerRow[];
  /** Newest first. */
  readonly slow: readonly CallRow[];
  readonly failed: readonly CallRow[];
}

export interface ProcessState {
  /** The program's name. */
  readonly name: string;
  readonly pid: number;
  readonly node: string;
  readonly inboard: string;
  readonly uptimeMs: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** 99th percentile of the event loop's delay lately; null while nothing is known. */
  readonly loopLagMs: number | null;
  /** Whether `/readyz` says yes. */
  readonly ready: boolean;
  /** The try-it form may call. */
  readonly invoke: boolean;
}

export interface MethodRow {
  readonly side: 'client' | 'server';
  /** `package.Service`, and `Method`. */
  readonly service: string;
  readonly method: string;
  readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';
  /** Calls a second over the last 10 s. */
  readonly rate: number;
  /** Share of the calls of the last 10 s that did not fail, 0 to 1; null without calls. */
  readonly success: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly inFlight: number;
  /** Further attempts, a second over the last 10 s; clients only, else 0. */
  readonly retryRate: number;
  /** In all since the process began. */
  readonly calls: number;
  readonly failures: number;
  readonly retries: number;
  readonly hedges: number;
  /** Ends by status name, in all. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface ChannelRow {
  readonly target: string;
  readonly balancer: string;
  readonly panic: boolean;
  /** Further attempts that may be made now; null where nothing bounds them. */
  readonly retryBudget: number | null;
  readonly resolutionError: string | null;
  readonly endpoints: readonly EndpointRow[];
}

export interface EndpointRow {
  readonly address: string;
  /** `ready`, `connecting`, … as a channel's snapshot has it. */
  readonly state: string;
  /** How long it stays ejected; null where it is not. */
  readonly ejectedForMs: number | null;
  readonly ejections: number;
  readonly inFlight: number;
  readonly latencyMs: number | null;
  /** Of its fair share, 0 to 1. */
  readonly weight: number;
  readonly picks: number;
  readonly successes: number;
  readonly failures: number;
  readonly lastError: string | null;
}

/** A method of a client that has a breaker. */
export interface CircuitRow {
  readonly target: string;
  readonly service: string;
  readonly method: string;
  readonly state: BreakerState;
  /** In the breaker's window. */
  readonly calls: number;
  readonly failures: number;
  readonly timesOpened: number;
  /** Null while it is closed. */
  readonly nextProbeInMs: number | null;
  /** Changes of state, oldest first. */
  readonly changes: readonly { readonly state: BreakerState; readonly agoMs: number }[];
}

export interface ServerRow {
  readonly draining: boolean;
  readonly inFlight: number;
  readonly connections: number;
  /** By service; the empty name is the server as a whole. */
  readonly health: Readonly<Record<string, string>>;
  readonly bulkheads: Readonly<Record<string, { readonly inUse: number; readonly queued: number }>>;
}

/** One call that was slow or failed. */
export interface CallRow {
  readonly side: 'client' | 'server';
  readonly service: string;
  readonly method: string;
  readonly agoMs: number;
  readonly durationMs: number;
  /** Status name, such as `UNAVAILABLE`. */
  readonly code: string;
  /** Cut to 200 characters. */
  readonly details: string;
  /** 1 where it was tried once; servers always 1. */
  readonly attempts: number;
  /** The endpoint it went to last, or the peer it came from. */
  readonly peer: string | null;
  readonly traceId: string | null;
}

/**
 * `/console/policy`: what holds for each method of each client and, under `channel.`, for its
 * channel; fetched when it is looked at.
 */
export interface PolicyRow {
  readonly target: string;
  readonly service: string;
  readonly method: string;
  /** Dotted key, such as `retry.attempts`; the value as JSON; and where it is from. */
  readonly values: readonly {
    readonly key: string;
    readonly value: unknown;
    readonly source: string;
  }[];
}

/** `/console/methods`: what the try-it form offers, by reflection. */
export interface TryMethod {
  readonly service: string;
  readonly method: string;
  readonly type: MethodRow['type'];
  /** A request in JSON with every field at its default, for the form to start from. */
  readonly template: string;
  /** The message's fields for a person: `id: string`, one a line. */
  readonly fields: readonly string[];
}

/** POST `/console/invoke`. */
export interface InvokeRequest {
  readonly service: string;
  readonly method: string;
  /** One message in JSON; for a streamed request, an array of them. */
  readonly message: unknown;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default 5 000. */
  readonly timeoutMs?: number;
}

/** What it answers; HTTP 400 with `{ "error": "…" }` where the request itself is wrong. */
export interface InvokeResponse {
  /** Status name. */
  readonly code: string;
  readonly details: string;
  readonly durationMs: number;
  /** At most 100 of a stream; more are counted in `dropped`. */
  readonly messages: readonly unknown[];
  readonly dropped: number;
  readonly header: Readonly<Record<string, string>>;
  readonly trailer: Readonly<Record<string, string>>;
}
