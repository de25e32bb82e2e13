import type {
  ChannelOptions,
  ChannelPolicy,
  MethodPolicy,
  ServerOptions,
  Status,
} from '../../../src/index.ts';

/** The unary methods of the lab's service. */
export type UnaryMethod = 'read' | 'price' | 'stock' | 'write' | 'relay';

export const IDEMPOTENT: readonly UnaryMethod[] = ['read', 'price', 'stock', 'relay'];

/** How a server answers; told at its start, and changed while it runs. */
export interface Behaviour {
  /** Mean time of a call, in ms. Single calls take from half of it to half as much again. */
  readonly delayMs: number;
  /** Methods that fail, each with its status. */
  readonly fail?: Partial<Record<UnaryMethod, keyof typeof Status>>;
}

/** What a server does when it is told to end by SIGTERM. */
export type DrainSpec = NonNullable<ServerOptions['drain']>;

/** A server as it is started: again with the same when it comes back. */
export interface ServerSpec {
  readonly kind: 'inboard' | 'stock';
  readonly name: string;
  readonly address: string;
  readonly seed: number;
  readonly behaviour: Behaviour;
  /** The file that every run of `Write` is added to. */
  readonly journal: string;
  readonly drain?: DrainSpec;
  /** Where the rest of a relayed call goes. */
  readonly next?: string;
  /** False: relayed calls inherit nothing from the call they are made for. Default true. */
  readonly inherits?: boolean;
  /** Callers are told apart by the header `tenant`. */
  readonly tenants?: boolean;
  readonly options?: Pick<ServerOptions, 'concurrency' | 'rateLimit' | 'methods'>;
  /** Which clock the runtime is given: `wall` is the mistake that the lab shows. */
  readonly clock?: 'monotonic' | 'wall';
}

/** What of a channel's options can be said in JSON. */
export type ChannelSpec = ChannelPolicy & Pick<ChannelOptions, 'keepalive' | 'connectTimeoutMs'>;

/**
 * A resolver other than inboard's own: `prompt` asks every 1.5 s, `once` never asks again,
 * `trusting` is prompt and takes a failure to resolve for the news that no server is left.
 */
export type ResolverSpec = 'once' | 'prompt' | 'trusting';

/** A client of inboard: its policy as a user writes it. */
export interface InboardClientSpec {
  readonly kind: 'inboard';
  readonly target: string;
  /** How many of it, each with a channel of its own. Default 1. */
  readonly count?: number;
  readonly channel?: ChannelSpec;
  readonly defaults?: MethodPolicy;
  readonly methods?: Partial<Record<UnaryMethod | 'follow', MethodPolicy>>;
  /** A watched policy file. */
  readonly policyFile?: string;
  readonly clock?: 'monotonic' | 'wall';
  readonly resolver?: ResolverSpec;
  /** No randomness: what is spread by chance happens at once, to all clients alike. */
  readonly jitter?: false;
}

/** A client of stock grpc-js. */
export interface StockClientSpec {
  readonly kind: 'stock';
  readonly target: string;
  readonly count?: number;
  readonly serviceConfig?: object;
  readonly options?: Readonly<Record<string, number | string>>;
}

export type ClientSpec = InboardClientSpec | StockClientSpec;

/** Calls that arrive by a schedule of their own, whatever became of earlier ones. */
export interface ArrivalSpec {
  readonly method: UnaryMethod;
  readonly perSecond: number;
  /** Default `poisson`: gaps are drawn from an exponential distribution. */
  readonly arrivals?: 'poisson' | 'fixed';
  /** One number, or a range to draw from. Default what the client's policy says. */
  readonly timeoutMs?: number | readonly [from: number, to: number];
  readonly headers?: Readonly<Record<string, string>>;
  /** For `relay`: the work of each server, each a range to draw from, in ms. */
  readonly workMs?: readonly (readonly [from: number, to: number])[];
  /** Which of the opened clients. Default all of them in turn. */
  readonly client?: number;
}

export interface LoadSpec {
  readonly seed: number;
  readonly arrivals: readonly ArrivalSpec[];
  /** Server streams that are held open, each opened again when it ends. Default 0. */
  readonly follow?: number;
  /** Addresses whose health is watched by a client of its own, opened again when it ends. */
  readonly watchHealth?: readonly string[];
}
