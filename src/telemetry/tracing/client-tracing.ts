import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { context, SpanKind, trace } from '@opentelemetry/api';

import type { CallKey } from '../../core/call-key.ts';
import { callKey } from '../../core/call-key.ts';
import type { ClientCall } from '../../core/client-call.ts';
import { RejectedError } from '../../core/errors.ts';
import type { Handler, Interceptor } from '../../core/interceptor.ts';
import type { Payload } from '../../core/method.ts';
import { TRACE } from '../../core/telemetry.ts';
import type { ActiveTracer } from './active-tracer.ts';
import { currentContext, isSuppressed } from './current-context.ts';
import type { Propagation } from './propagation.ts';
import {
  addressAttributes,
  isValid,
  isAttemptError,
  isClientError,
  methodAttributes,
  setStatus,
  spanName,
  targetAttributes,
} from './span-attributes.ts';
import { countMessages } from './stream-counts.ts';

/** A call that is traced: what its attempts go by. */
interface TracedCall {
  readonly tracer: Tracer;
  readonly span: Span;
  readonly recording: boolean;
  /** With the call's span in it. */
  readonly context: Context;
  attempts: number;
}

const TRACED: CallKey<TracedCall | undefined> = callKey<TracedCall | undefined>(
  'traced-call',
  undefined,
);

export interface ClientTracingOptions {
  readonly tracer: ActiveTracer;
  readonly propagation: Propagation;
  /** Whether what a call brought goes on with those it makes where nothing is recorded. */
  readonly passOn: boolean;
}

/** One span of kind CLIENT a call. Everything below runs with it as the active span. */
export function callTracing(options: ClientTracingOptions): Interceptor<ClientCall> {
  const { tracer: active, propagation, passOn } = options;
  return (next, method) => {
    const name = spanName(method);
    const attributesOf = callAttributes(methodAttributes(method));
    return (call) => {
      const tracer = active.get();
      if (tracer === undefined) {
        if (passOn) propagation.passOn(call);
        return next(call);
      }
      const parent = currentContext(call.runtime);
      if (isSuppressed(parent)) return next(call);
      const attributes = attributesOf(call.target);
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
      if (!isValid(span)) {
        if (passOn) propagation.passOn(call);
        return next(call);
      }
      return traced(call, next, { tracer, span, parent });
    };
  };
}

function traced(
  call: ClientCall,
  next: Handler<ClientCall>,
  { tracer, span, parent }: { tracer: Tracer; span: Span; parent: Context },
): Promise<Payload> {
  const recording = span.isRecording();
  const inside = trace.setSpan(parent, span);
  const state: TracedCall = { tracer, span, recording, context: inside, attempts: 0 };
  call.set(TRACED, state);
  if (!recording) return context.with(inside, next, undefined, call);
  call.set(TRACE, span.spanContext());
  countMessages(call, span, 'client');
  call.onEnd((status) => {
    span.setAttribute('inboard.attempts', state.attempts);
    setStatus(span, status, isClientError);
    span.end();
  });
  return watched(call, span, context.with(inside, next, undefined, call));
}

/** The attributes of a call, kept for as long as its client's channel is the same. */
function callAttributes(common: Attributes): (target: string | undefined) => Attributes {
  let known: string | undefined;
  let attributes = common;
  return (target) => {
    if (target !== known) {
      known = target;
      attributes = target === undefined ? common : { ...common, ...targetAttributes(target) };
    }
    return attributes;
  };
}

/**
 * One span of kind INTERNAL an attempt, below that of its call: a call has one span of kind CLIENT
 * however often it is tried. It is the attempt that goes onto the wire, so that the server's span
 * hangs below the attempt that it has served. Attempts of a call that is not recorded have none.
 */
export function attemptTracing(options: ClientTracingOptions): Interceptor<ClientCall> {
  const { propagation } = options;
  return (next, method) => {
    const name = `${spanName(method)} attempt`;
    return (attempt) => {
      const call = attempt.get(TRACED);
      if (call === undefined) return next(attempt);
      call.attempts++;
      if (!call.recording) {
        propagation.inject(call.context, attempt.headers);
        return next(attempt);
      }
      const attributes = { 'inboard.attempt': attempt.attempt + 1 };
      const span = call.tracer.startSpan(name, { attributes }, call.context);
      const inside = trace.setSpan(call.context, span);
      propagation.inject(inside, attempt.headers);
      attempt.onEnd((status) => {
        const { endpoint } = attempt;
        if (endpoint !== undefined) span.setAttributes(addressAttributes('network.peer', endpoint));
        setStatus(span, status, isAttemptError);
        span.end();
      });
      return watched(attempt, span, context.with(inside, next, undefined, attempt));
    };
  };
}

/** Notes who refused it, where that was this process: its status does not tell. */
function watched(call: ClientCall, span: Span, outcome: Promise<Payload>): Promise<Payload> {
  return outcome.then(undefined, (error: unknown) => {
    if (error instanceof RejectedError && call.ended === undefined) {
      span.setAttribute('inboard.rejected', error.reason);
    }
    throw error;
  });
}
