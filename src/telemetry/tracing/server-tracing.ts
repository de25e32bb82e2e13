import type { Attributes, Context, Span, SpanOptions, Tracer } from '@opentelemetry/api';
import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';

import type { Interceptor } from '../../core/interceptor.ts';
import type { Method } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import { TRACE } from '../../core/telemetry.ts';
import type { ActiveTracer } from './active-tracer.ts';
import { HANDLER_TRACE } from './current-context.ts';
import type { FaultLog } from '../fault-log.ts';
import { endSpan, within } from './guarded.ts';
import type { Propagation } from './propagation.ts';
import {
  addressAttributes,
  isServerError,
  isValid,
  methodAttributes,
  originalMethod,
  setStatus,
  spanName,
} from './span-attributes.ts';
import { countMessages } from './stream-counts.ts';

export interface ServerTracingOptions {
  readonly tracer: ActiveTracer;
  readonly propagation: Propagation;
  readonly trustIncoming: boolean;
  readonly faults: FaultLog;
}

/**
 * One span of kind SERVER a call. Everything below, the handler too, runs in its context. Where the
 * SDK throws, the call goes on without.
 */
export function serverTracing(options: ServerTracingOptions): Interceptor<ServerCall> {
  const { tracer: active, faults } = options;
  return (next, method) => {
    const start = spanStarter(method, options);
    return (call) => {
      const tracer = active.get(call.runtime);
      if (tracer === undefined) return next(call);
      const inside = start(call, tracer);
      return inside === undefined ? next(call) : within(inside, next, call, faults);
    };
  };
}

/** Starts a call's span; returns the context with it, undefined where there is none. */
function spanStarter(
  method: Method,
  { propagation, trustIncoming, faults }: ServerTracingOptions,
): (call: ServerCall, tracer: Tracer) => Context | undefined {
  const name = spanName(method);
  const attributesOf = callAttributes(method);
  return (call, tracer) => {
    let span: Span | undefined;
    try {
      const incoming = propagation.extract(call);
      const parent = trustIncoming ? incoming : ROOT_CONTEXT;
      const started: SpanOptions = { kind: SpanKind.SERVER, attributes: attributesOf(call) };
      if (!trustIncoming) started.links = linksTo(incoming);
      span = tracer.startSpan(name, started, parent);
      if (!isValid(span)) return undefined;
      const inside = trace.setSpan(parent, span);
      if (span.isRecording()) record(call, span, faults);
      call.set(HANDLER_TRACE, inside);
      return inside;
    } catch (error) {
      faults.tell(error, call.runtime);
      if (span !== undefined) endSpan(span, call, faults, () => undefined);
      return undefined;
    }
  };
}

function record(call: ServerCall, span: Span, faults: FaultLog): void {
  call.set(TRACE, span.spanContext());
  countMessages(call, span, 'server', faults);
  call.onEnd((status) => {
    endSpan(span, call, faults, () => {
      span.setAttributes(addressAttributes('network.peer', call.peer.address));
      setStatus(span, status, isServerError);
    });
  });
}

function linksTo(incoming: Context): NonNullable<SpanOptions['links']> {
  const stranger = trace.getSpanContext(incoming);
  return stranger === undefined ? [] : [{ context: stranger }];
}

/** Most calls ask for the same authority as the one before. */
function callAttributes(method: Method): (call: ServerCall) => Attributes {
  const common = methodAttributes(method);
  let authority: string | undefined;
  let server = common;
  return (call) => {
    if (call.authority !== authority) {
      authority = call.authority;
      server = { ...common, ...addressAttributes('server', authority) };
    }
    return method.known ? server : { ...server, ...originalMethod(call.path) };
  };
}
