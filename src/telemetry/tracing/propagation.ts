import type { Context, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { diag, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import { BaggageFilter } from './baggage.ts';
import { formatTraceBin, readTraceBin } from './trace-bin.ts';
import { formatTraceparent, readTraceparent } from './trace-context.ts';

const TRACEPARENT = 'traceparent';
const TRACESTATE = 'tracestate';
const TRACE_BIN = 'grpc-trace-bin';
const BAGGAGE = 'baggage';

/** What says where a call stands in a trace, in the order of its worth. */
const TRACE_HEADERS = [TRACEPARENT, TRACE_BIN, TRACESTATE] as const;

const GETTER: TextMapGetter<Metadata> = {
  keys: (metadata) => [...metadata].map(([key]) => key),
  get(metadata, key) {
    const values = metadata.getAll(key).filter((value) => typeof value === 'string');
    return values.length > 1 ? values : values[0];
  },
};

const SETTER: TextMapSetter<Metadata> = {
  set: (metadata, key, value) => void metadata.set(key, value),
};

export interface PropagationOptions {
  readonly baggage: readonly string[];
  readonly grpcTraceBin: boolean;
}

/**
 * Trace context and baggage, between OpenTelemetry's contexts and metadata. Goes by the process's
 * own propagator; where none is registered, W3C Trace Context is spoken. Nothing in here fails a
 * call, whatever its headers or a propagator do.
 */
export class Propagation {
  private readonly baggage: BaggageFilter;
  private readonly grpcTraceBin: boolean;

  constructor({ baggage, grpcTraceBin }: PropagationOptions) {
    this.baggage = new BaggageFilter(baggage);
    this.grpcTraceBin = grpcTraceBin;
  }

  /** The context that inbound headers describe, with no more baggage than may enter. */
  extract(headers: Metadata): Context {
    const context = safely(ROOT_CONTEXT, () => extractTrace(headers));
    const restricted = this.baggage.restrict(context);
    if (this.baggage.closed || propagation.getBaggage(restricted) !== undefined) return restricted;
    const header = headers.get(BAGGAGE);
    return typeof header === 'string' ? this.baggage.read(restricted, header) : restricted;
  }

  /** Writes a context to outbound headers, with no more baggage than may leave. */
  inject(context: Context, headers: Metadata): void {
    const leaving = this.baggage.restrict(context);
    safely(undefined, () => {
      if (propagation.fields().length > 0) propagation.inject(leaving, headers, SETTER);
      else injectTrace(leaving, headers);
      // One that is there already, propagated with other headers, would name another parent.
      headers.delete(TRACE_BIN);
      if (this.grpcTraceBin) injectTraceBin(leaving, headers);
      if (this.baggage.closed || headers.has(BAGGAGE)) return;
      const baggage = this.baggage.format(leaving);
      if (baggage !== undefined) headers.set(BAGGAGE, baggage);
    });
  }

  /**
   * Repeats what the call being handled brought, so that a trace goes on behind a process that
   * records none. Its headers are not read before it makes a call of its own.
   */
  passOn(call: ClientCall): void {
    const inbound = call.runtime.ambient.current()?.call.headers;
    if (inbound === undefined) return;
    const own = call.hasHeaders && TRACE_HEADERS.some((key) => call.headers.has(key));
    if (!own) for (const key of TRACE_HEADERS) copy(inbound, call, key);
    if (this.baggage.closed || (call.hasHeaders && call.headers.has(BAGGAGE))) return;
    const header = inbound.get(BAGGAGE);
    const kept = typeof header === 'string' ? this.baggage.restrictHeader(header) : undefined;
    if (kept !== undefined) call.headers.set(BAGGAGE, kept);
  }
}

function copy(inbound: Metadata, call: ClientCall, key: string): void {
  const values = inbound.getAll(key);
  if (values.length > 0) call.headers.set(key, [...values]);
}

/** `grpc-trace-bin` counts where nothing else says what the parent is (gRFC A72). */
function extractTrace(headers: Metadata): Context {
  const known =
    propagation.fields().length > 0
      ? propagation.extract(ROOT_CONTEXT, headers, GETTER)
      : extractTraceparent(headers);
  if (trace.getSpanContext(known) !== undefined) return known;
  const binary = headers.get(TRACE_BIN);
  const parent = binary instanceof Uint8Array ? readTraceBin(binary) : undefined;
  return parent === undefined ? known : trace.setSpanContext(known, parent);
}

function extractTraceparent(headers: Metadata): Context {
  const traceparent = headers.get(TRACEPARENT);
  if (typeof traceparent !== 'string') return ROOT_CONTEXT;
  const tracestate = headers.get(TRACESTATE);
  const state = typeof tracestate === 'string' ? tracestate : undefined;
  const parent = readTraceparent(traceparent, state);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

function injectTrace(context: Context, headers: Metadata): void {
  const span = trace.getSpanContext(context);
  if (span === undefined) return;
  headers.set(TRACEPARENT, formatTraceparent(span));
  const state = span.traceState?.serialize() ?? '';
  if (state !== '') headers.set(TRACESTATE, state);
  else headers.delete(TRACESTATE);
}

function injectTraceBin(context: Context, headers: Metadata): void {
  const span = trace.getSpanContext(context);
  if (span !== undefined) headers.set(TRACE_BIN, formatTraceBin(span));
}

/** A propagator is other people's code, and so are headers. */
function safely<T>(otherwise: T, body: () => T): T {
  try {
    return body();
  } catch (error) {
    diag.error('inboard: a propagator threw', error);
    return otherwise;
  }
}
