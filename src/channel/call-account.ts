import type { ClientCall } from '../core/client-call.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { LoadOutcome } from '../policies/endpoint-load.ts';
import { isFailure, isNeutral } from '../policies/failure.ts';
import type { Ejections } from './ejection.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * Counts a call as in flight at its endpoint from now to its end, and scores the endpoint by that.
 * Returns what takes it back where the call goes elsewhere after all. One closure a call.
 */
export function openAccount(
  call: ClientCall,
  endpoint: Endpoint,
  sinceMs: number,
  ejections: Ejections,
): () => void {
  const { load, stats, connections } = endpoint;
  const { requestStream, responseStream } = call.method;
  const unary = !requestStream && !responseStream;
  let open = true;
  const close = (status?: CallStatus): void => {
    if (!open) return;
    open = false;
    const nowMs = call.runtime.clock.now();
    if (status === undefined) {
      load.end('unsent', sinceMs, nowMs, unary);
      return;
    }
    // The way of nearly all calls, and the shortest.
    if (status.code === Status.OK) {
      load.end('answered', sinceMs, nowMs, unary);
      stats.successes++;
      ejections.succeeded(endpoint, nowMs);
      return;
    }
    const outcome = outcomeOf(call, status, nowMs - sinceMs, load.recentMs);
    // What went down with its connection is no reason to leave what answers a new dial.
    const lost = !endpoint.connected || endpoint.connections !== connections;
    load.end(outcome === 'failed' && lost ? 'abandoned' : outcome, sinceMs, nowMs, unary);
    if (outcome === 'answered') {
      stats.successes++;
      ejections.succeeded(endpoint, nowMs);
    } else if (outcome === 'failed') {
      stats.failures++;
      stats.lastError = `${Status[status.code]}: ${status.details}`;
      if (!lost) ejections.failed(endpoint, nowMs);
    }
  };
  load.begin(sinceMs, unary);
  stats.picks++;
  call.endpoint = endpoint.name;
  call.onEnd(close);
  return close;
}

/**
 * What the end of a call says of its endpoint. A deadline that passed here counts as a failure
 * only where the call waited as long as the endpoint recently takes: `recentMs`.
 */
function outcomeOf(
  call: ClientCall,
  status: CallStatus,
  waitedMs: number,
  recentMs: number,
): LoadOutcome {
  const { cancelled } = call;
  const outcome = { status, cancelled, budgetMs: waitedMs, p99Ms: recentMs };
  if (isFailure(outcome)) return 'failed';
  if (isNeutral(outcome)) return 'abandoned';
  return status.code === Status.RESOURCE_EXHAUSTED ? 'overloaded' : 'answered';
}
