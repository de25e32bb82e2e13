import type { Context, SpanContext, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import type { ServerCall } from '../../core/server-call.ts';
import { BaggageFilter } from './baggage.ts';
import type { FaultLog } from '../fault-log.ts';
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
  readonly faults: FaultLog;
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
  private readonly faults: FaultLog;

  constructor({ baggage, grpcTraceBin, faults }: PropagationOptions) {
    this.faults = faults;
    this.baggage = new BaggageFilter(baggage);
    this.grpcTraceBin = grpcTraceBin;
  }

  /** The context that inbound headers describe, with no more baggage than may enter. */
  extract({ headers, runtime }: ServerCall): Context {
    try {
      return this.entering(headers);
    } catch (error) {
      // Not what was read so far: baggage that may not enter could be in it.
      this.faults.tell(error, runtime);
      return ROOT_CONTEXT;
    }
  }

  /** Writes a context to outbound headers, with no more baggage than may leave. */
  inject(context: Context, { headers, runtime }: ClientCall): void {
    try {
      this.write(context, headers);
    } catch (error) {
      this.faults.tell(error, runtime);
    }
  }

  /**
   * Repeats what the call being handled brought, so that a trace goes on behind a process that
   * records none: of it what is valid, for the next server may refuse a call for the rest. Its
   * headers are not read before it makes a call of its own.
   */
  passOn(call: ClientCall): void {
    const inbound = call.runtime.ambient.current()?.call.headers;
    if (inbound === undefined) return;
    try {
      const own = call.hasHeaders && TRACE_HEADERS.some((key) => call.headers.has(key));
      if (!own) passTrace(inbound, call);
      this.passBaggage(inbound, call);
    } catch (error) {
      this.faults.tell(error, call.runtime);
    }
  }

  private entering(headers: Metadata): Context {
    const restricted = this.baggage.restrict(extractTrace(headers));
    if (this.baggage.closed || propagation.getBaggage(restricted) !== undefined) return restricted;
    const header = headers.get(BAGGAGE);
    return typeof header === 'string' ? this.baggage.read(restricted, header) : restricted;
  }

  private write(context: Context, headers: Metadata): void {
    const leaving = this.baggage.restrict(context);
    if (propagation.fields().length > 0) propagation.inject(leaving, headers, SETTER);
    else injectTrace(leaving, headers);
    // One that is there already, propagated with other headers, would name another parent.
    headers.delete(TRACE_BIN);
    if (this.grpcTraceBin) injectTraceBin(leaving, headers);
    if (this.baggage.closed || headers.has(BAGGAGE)) return;
    const baggage = this.baggage.format(leaving);
    if (baggage !== undefined) headers.set(BAGGAGE, baggage);
  }

  private passBaggage(inbound: Metadata, call: ClientCall): void {
    if (this.baggage.closed || (call.hasHeaders && call.headers.has(BAGGAGE))) return;
    const header = inbound.get(BAGGAGE);
    const kept = typeof header === 'string' ? this.baggage.restrictHeader(header) : undefined;
    if (kept !== undefined) call.headers.set(BAGGAGE, kept);
  }
}

/** Written anew, so that what a later version or a stranger puts behind it stays here. */
function passTrace(inbound: Metadata, call: ClientCall): void {
  const [traceparent, second] = inbound.getAll(TRACEPARENT);
  if (typeof traceparent === 'string' && second === undefined) {
    const states = inbound.getAll(TRACESTATE);
    const span = readTraceparent(traceparent, states.length > 0 ? states.join(',') : undefined);
    if (span !== undefined) writeTrace(span, call.headers);
  }
  const binary = inbound.get(TRACE_BIN);
  const span = binary instanceof Uint8Array ? readTraceBin(binary) : undefined;
  if (span !== undefined) call.headers.set(TRACE_BIN, formatTraceBin(span));
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
  if (span !== undefined) writeTrace(span, headers);
}

function writeTrace(span: SpanContext, headers: Metadata): void {
  headers.set(TRACEPARENT, formatTraceparent(span));
  const state = span.traceState?.serialize() ?? '';
  if (state !== '') headers.set(TRACESTATE, state);
  else headers.delete(TRACESTATE);
}

function injectTraceBin(context: Context, headers: Metadata): void {
  const span = trace.getSpanContext(context);
  if (span !== undefined) headers.set(TRACE_BIN, formatTraceBin(span));
}
