import type { ClientCall } from '../core/client-call.ts';
import type { CallRuntime } from '../core/call-runtime.ts';
import type { ResolvedEndpoint } from './target.ts';

export type EndpointState =
  /** Not connected, and not trying. */
  | 'idle'
  /** Being dialled, or connected and yet to tell whether it serves. */
  | 'connecting'
  | 'ready'
  /** Connected, but says that it does not serve (A17). */
  | 'unhealthy'
  /** Could not be reached; will be dialled again. */
  | 'backoff'
  /** No longer in the list. */
  | 'closed';

/** An endpoint as a balancer sees it. */
export interface BalancerEndpoint {
  /** Its address, as text. */
  readonly name: string;
  readonly resolved: ResolvedEndpoint;
  readonly state: EndpointState;
  /** Calls that were picked for it and are not over. */
  readonly inFlight: number;
  /** Which pick of the channel its last one was: the lower, the longer ago. 0 for never. */
  readonly lastPick: number;
  /** What a unary call is expected to take now, in ms; undefined while nothing is known. */
  latencyMs(nowMs: number): number | undefined;
  /** What one more call costs: calls pending, times how much slower than usual it is, squared. */
  cost(nowMs: number): number;
  /** Dials it, where it is idle. */
  connect(): void;
  /** Gives its connection up, until `connect` is called. */
  disconnect(): void;
}

/**
 * Decides which endpoint a call goes to. That is all it must do: the channel dials every endpoint,
 * and leaves out beforehand those that are not ready, are ejected or were tried already, and takes
 * care of slow start and of calls in flight.
 */
export interface Balancer {
  /**
   * One of `available`, which is never empty, or undefined where the call is to wait. Must not
   * wait itself. `nowMs` is the time, in ms of the runtime's clock.
   */
  pick<E extends BalancerEndpoint>(
    available: readonly E[],
    call: ClientCall,
    nowMs: number,
  ): E | undefined;
  /**
   * The list changed; endpoints that stay are the same objects. A balancer that has this method
   * dials endpoints itself; for one without it all are dialled.
   */
  update?(endpoints: readonly BalancerEndpoint[]): void;
  stateChanged?(endpoint: BalancerEndpoint): void;
  close?(): void;
  /** Endpoints that fail are left out for a while. Default true. */
  readonly ejects?: boolean;
}

export type BalancerFactory = (runtime: CallRuntime) => Balancer;
