import type { SpanContext } from '@opentelemetry/api';
import { isSpanContextValid, TraceFlags } from '@opentelemetry/api';

/*
 * `grpc-trace-bin`, the binary format of OpenCensus (encodings/BinaryEncoding.md there, gRFC A72):
 * a version of 0, then fields, each its number and its bytes.
 *
 *   byte 0       version 0
 *   byte 1       field 0, bytes 2 to 17: trace id
 *   byte 18      field 1, bytes 19 to 26: span id
 *   byte 27      field 2, byte 28: options, of which bit 0 is "sampled"
 */
const TRACE_ID_AT = 2;
const SPAN_ID_AT = 19;
const OPTIONS_AT = 28;
const LENGTH_BYTES = 29;

/**
 * What `grpc-trace-bin` says; undefined where it is not valid. Fields after the third are left to
 * later versions; without options the trace is not sampled.
 */
export function readTraceBin(bytes: Uint8Array): SpanContext | undefined {
  if (bytes.length < OPTIONS_AT - 1 || bytes[0] !== 0) return undefined;
  if (bytes[TRACE_ID_AT - 1] !== 0 || bytes[SPAN_ID_AT - 1] !== 1) return undefined;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  const options = bytes[OPTIONS_AT - 1] === 2 ? (bytes[OPTIONS_AT] ?? 0) : 0;
  const read = {
    traceId: hex.slice(TRACE_ID_AT * 2, (SPAN_ID_AT - 1) * 2),
    spanId: hex.slice(SPAN_ID_AT * 2, (OPTIONS_AT - 1) * 2),
    traceFlags: options & TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(read) ? read : undefined;
}

/** The `grpc-trace-bin` of a span. */
export function formatTraceBin({ traceId, spanId, traceFlags }: SpanContext): Uint8Array {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.write(traceId, TRACE_ID_AT, 'hex');
  bytes[SPAN_ID_AT - 1] = 1;
  bytes.write(spanId, SPAN_ID_AT, 'hex');
  bytes[OPTIONS_AT - 1] = 2;
  bytes[OPTIONS_AT] = traceFlags & TraceFlags.SAMPLED;
  return bytes;
}
