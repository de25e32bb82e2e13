import type { SpanContext } from '@opentelemetry/api';
import { INVALID_SPANID, INVALID_TRACEID } from '@opentelemetry/api';

import { readTraceState } from './trace-state.ts';

/** Version, trace id, parent id, flags; later versions may add to the end. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * What `traceparent` and `tracestate` say (W3C Trace Context); undefined where the first is not
 * valid, which restarts the trace as the specification wants it.
 */
export function readTraceparent(
  traceparent: string,
  tracestate: string | undefined,
): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    TRACEPARENT.exec(traceparent.trim()) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  if (version === '00' && more !== undefined) return undefined;
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined;
  const read = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  const traceState = tracestate === undefined ? undefined : readTraceState(tracestate);
  return traceState === undefined ? read : { ...read, traceState };
}

/** The `traceparent` of a span. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
}
