import type { EndpointState } from './balancer.ts';
import type { ChannelPolicySnapshot } from './channel-settings.ts';
import type { Endpoint } from './endpoint.ts';

/** What a channel knows at one moment. */
export interface ChannelSnapshot extends ChannelPolicySnapshot {
  readonly target: string;
  /** The balancer's name; `'custom'` for one of your own. */
  readonly balancer: string;
  /** Why there is no newer list of endpoints; undefined while the last look-up was good. */
  readonly resolutionError: string | undefined;
  /** In the order of the resolver. */
  readonly endpoints: readonly EndpointSnapshot[];
  /** So few endpoints are left that ejections are ignored. */
  readonly panic: boolean;
  /** How often endpoints were ejected since the channel was made, those included that are gone. */
  readonly ejections: number;
  /** Further attempts that may be made now; undefined where nothing bounds them. */
  readonly retryBudget: number | undefined;
}

/** What a channel knows of one endpoint. */
export interface EndpointSnapshot {
  readonly address: string;
  readonly state: EndpointState;
  /** What it says of itself (A17): true while it serves, or where nobody asks. */
  readonly healthy: boolean;
  /** How long it stays ejected, in ms; undefined where it is not. */
  readonly ejectedUntilMs: number | undefined;
  /** How often it was ejected. */
  readonly ejections: number;
  /** Calls that were picked for it and are not over, streams included. */
  readonly inFlight: number;
  /** What a unary call is expected to take, in ms; undefined while nothing is known. */
  readonly latencyMs: number | undefined;
  /** How much of its fair share it gets, from 0.1 in slow start to 1. */
  readonly weight: number;
  /** Calls that went to it, in all. */
  readonly picks: number;
  /** Calls that it answered, and calls that count against it. Others were left early. */
  readonly successes: number;
  readonly failures: number;
  /** Why it could not be reached last, or is unhealthy; undefined once it is ready. */
  readonly failure: string | undefined;
  /** The last failure of a call to it. */
  readonly lastError: string | undefined;
}

export function endpointSnapshot(endpoint: Endpoint, nowMs: number): EndpointSnapshot {
  const { name, state, outlier, stats } = endpoint;
  const { ejectedUntilMs, ejections } = outlier;
  return {
    address: name,
    state,
    healthy: state !== 'unhealthy',
    ejectedUntilMs: ejectedUntilMs === undefined ? undefined : Math.max(0, ejectedUntilMs - nowMs),
    ejections,
    inFlight: endpoint.inFlight,
    latencyMs: endpoint.latencyMs(nowMs),
    weight: endpoint.slowStart.share(nowMs),
    picks: stats.picks,
    successes: stats.successes,
    failures: stats.failures,
    failure: endpoint.failure?.details,
    lastError: stats.lastError,
  };
}
