import type { ChannelSnapshot, EndpointSnapshot } from '../../channel/channel-snapshot.ts';
import type { MethodSnapshot } from '../../client/client-snapshot.ts';
import type { ServerSnapshot } from '../../server/options.ts';
import type { ChannelRow, CircuitRow, EndpointRow, ServerRow } from './console-state.ts';
import { splitPath } from '../../core/method.ts';

export function channelRow(channel: ChannelSnapshot): ChannelRow {
  return {
    target: channel.target,
    balancer: channel.balancer,
    panic: channel.panic,
    retryBudget: channel.retryBudget ?? null,
    resolutionError: channel.resolutionError ?? null,
    endpoints: channel.endpoints.map(endpointRow),
  };
}

function endpointRow(endpoint: EndpointSnapshot): EndpointRow {
  const { ejectedUntilMs, latencyMs, failure, lastError } = endpoint;
  const { address, state, ejections, inFlight, weight, picks, successes, failures } = endpoint;
  return {
    ...{ address, state, ejections, inFlight, weight, picks, successes, failures },
    ejectedForMs: ejectedUntilMs ?? null,
    latencyMs: latencyMs ?? null,
    lastError: failure ?? lastError ?? null,
  };
}

/** Undefined where the method has no breaker. */
export function circuitRow(
  target: string,
  { path, breaker, circuit }: MethodSnapshot,
  nowMs: number,
): CircuitRow | undefined {
  if (breaker === undefined) return undefined;
  const { state, calls, failures, timesOpened, nextProbeAtMs } = breaker;
  return {
    target,
    ...splitPath(path),
    ...{ state, calls, failures, timesOpened },
    nextProbeInMs: nextProbeAtMs === undefined ? null : Math.max(0, nextProbeAtMs - nowMs),
    changes: circuit.map((change) => ({ state: change.state, agoMs: nowMs - change.atMs })),
  };
}

export function serverRow({
  draining,
  inFlight,
  connections,
  health,
  bulkheads,
}: ServerSnapshot): ServerRow {
  return { draining, inFlight, connections, health, bulkheads };
}
