import type { Runtime } from '../core/runtime.ts';
import type { CallStatus } from '../core/status.ts';
import type { ResolvedEndpoint, Target } from './target.ts';

/** Turns a target into endpoints, and keeps them fresh. */
export interface Resolver {
  /** True when plaintext may be implied: the target never leaves the machine. */
  readonly loopback: boolean;
  start(listener: ResolverListener): void;
  /** A hint that the list may be out of date: a connection was lost. */
  resolveNow(): void;
  close(): void;
}

/** A resolver emits either a list that is not empty, or why it has none. */
export interface ResolverListener {
  endpoints(endpoints: readonly ResolvedEndpoint[]): void;
  /** The last good list stays in use. */
  error(status: CallStatus): void;
}

/** Makes the resolver of a scheme; throws a `ConfigError` for a target it does not understand. */
export type ResolverFactory = (target: Target, runtime: Runtime) => Resolver;
