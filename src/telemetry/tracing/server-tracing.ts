import type { Attributes, Context, SpanOptions } from '@opentelemetry/api';
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';

import type { Interceptor } from '../../core/interceptor.ts';
import type { Method } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import { TRACE } from '../../core/telemetry.ts';
import type { ActiveTracer } from './active-tracer.ts';
import { HANDLER_TRACE } from './current-context.ts';
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
}

/** One span of kind SERVER a call. Everything below, the handler too, runs in its context. */
export function serverTracing(options: ServerTracingOptions): Interceptor<ServerCall> {
  const { tracer: active, propagation, trustIncoming } = options;
  return (next, method) => {
    const name = spanName(method);
    const attributesOf = callAttributes(method);
    return (call) => {
      const tracer = active.get();
      if (tracer === undefined) return next(call);
      const incoming = propagation.extract(call.headers);
      const parent = trustIncoming ? incoming : ROOT_CONTEXT;
      const started: SpanOptions = { kind: SpanKind.SERVER, attributes: attributesOf(call) };
      if (!trustIncoming) started.links = linksTo(incoming);
      const span = tracer.startSpan(name, started, parent);
      if (!isValid(span)) return next(call);
      const inside = trace.setSpan(parent, span);
      call.set(HANDLER_TRACE, inside);
      if (span.isRecording()) {
        call.set(TRACE, span.spanContext());
        countMessages(call, span, 'server');
        call.onEnd((status) => {
          span.setAttributes(addressAttributes('network.peer', call.peer.address));
          setStatus(span, status, isServerError);
          span.end();
        });
      }
      return context.with(inside, next, undefined, call);
    };
  };
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
