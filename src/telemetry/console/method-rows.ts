import type { MethodSnapshot } from '../../client/client-snapshot.ts';
import type { Method } from '../../core/method.ts';
import { Status } from '../../core/status.ts';
import type { ClientMeter } from '../metrics/client-meter.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RecordedCall } from '../metrics/recent-calls.ts';
import type { ServerMeter } from '../metrics/server-meter.ts';
import type { CallRow, MethodRow } from './console-state.ts';

/** Further attempts of a method, of all clients that have it. */
interface Further {
  retries: number;
  hedges: number;
}

/** One row for each method and side that had a call. */
export function methodRows(
  { clients, servers }: Metrics,
  snapshots: readonly MethodSnapshot[],
  nowMs: number,
): MethodRow[] {
  const further = furtherByPath(snapshots);
  const none: Further = { retries: 0, hedges: 0 };
  return [
    ...[...clients.values()]
      .filter(({ started }) => started > 0)
      .map((meter) => ({
        ...row(meter, nowMs),
        retryRate: meter.retryRate(nowMs),
        ...(further.get(meter.method.path) ?? none),
      })),
    ...[...servers.values()]
      .filter(({ started }) => started > 0)
      .map((meter) => ({ ...row(meter, nowMs), retryRate: 0, ...none })),
  ];
}

export function callRow(call: RecordedCall, nowMs: number): CallRow {
  const { side, method, atMs, durationMs, code, details, attempts, peer, traceId } = call;
  return {
    side,
    ...names(method),
    agoMs: nowMs - atMs,
    durationMs,
    code: Status[code],
    details,
    attempts,
    peer: peer ?? null,
    traceId: traceId ?? null,
  };
}

function row(
  meter: ClientMeter | ServerMeter,
  nowMs: number,
): Omit<MethodRow, 'retryRate' | keyof Further> {
  const { side, method, latency, inFlight, started, failures } = meter;
  return {
    side,
    ...names(method),
    type: method.shape,
    rate: meter.rate(nowMs),
    success: meter.success(nowMs) ?? null,
    p50: latency.quantile(0.5, nowMs) ?? null,
    p95: latency.quantile(0.95, nowMs) ?? null,
    p99: latency.quantile(0.99, nowMs) ?? null,
    inFlight,
    calls: started,
    failures,
    codes: codesOf(meter.codes),
  };
}

function names({ service, name }: Method): { readonly service: string; readonly method: string } {
  return { service, method: name };
}

function codesOf(counts: Float64Array): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const [code, count] of counts.entries()) {
    if (count > 0) codes[Status[code] ?? String(code)] = count;
  }
  return codes;
}

/** A hedge is a further attempt, too; those that replaced one that nobody saw count as retries. */
function furtherByPath(snapshots: readonly MethodSnapshot[]): Map<string, Further> {
  const byPath = new Map<string, Further>();
  for (const { path, counters } of snapshots) {
    const further = byPath.get(path) ?? { retries: 0, hedges: 0 };
    byPath.set(path, further);
    further.retries += Math.max(0, counters.attempts - counters.calls - counters.hedges);
    further.hedges += counters.hedges;
  }
  return byPath;
}
