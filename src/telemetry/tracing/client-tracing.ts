import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { SpanKind, trace } from '@opentelemetry/api';

import type { CallKey } from '../../core/call-key.ts';
import { callKey } from '../../core/call-key.ts';
import type { ClientCall } from '../../core/client-call.ts';
import { RejectedError } from '../../core/errors.ts';
import type { Interceptor } from '../../core/interceptor.ts';
import type { Method, Payload } from '../../core/method.ts';
import { TRACE } from '../../core/telemetry.ts';
import type { ActiveTracer } from './active-tracer.ts';
import { currentContext, isSuppressed } from './current-context.ts';
import type { FaultLog } from '../fault-log.ts';
import { endSpan, within } from './guarded.ts';
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
  readonly faults: FaultLog;
}

/**
 * One span of kind CLIENT a call. Everything below runs with it as the active span. Where the SDK
 * throws, the call goes on as if there were none.
 */
export function callTracing(options: ClientTracingOptions): Interceptor<ClientCall> {
  const { tracer: active, propagation, passOn, faults } = options;
  return (next, method) => {
    const start = callStarter(method, faults);
    return (call) => {
      const tracer = active.get(call.runtime);
      const traced = tracer === undefined ? undefined : start(call, tracer);
      if (traced === undefined) {
        if (passOn) propagation.passOn(call);
        return next(call);
      }
      if (traced === 'suppressed') return next(call);
      call.set(TRACED, traced);
      const outcome = within(traced.context, next, call, faults);
      return traced.recording ? watched(call, traced.span, outcome, faults) : outcome;
    };
  };
}

/** Starts a call's span; undefined where there is none. */
function callStarter(
  method: Method,
  faults: FaultLog,
): (call: ClientCall, tracer: Tracer) => TracedCall | 'suppressed' | undefined {
  const name = spanName(method);
  const attributesOf = callAttributes(methodAttributes(method));
  return (call, tracer) => {
    let span: Span | undefined;
    try {
      const parent = currentContext(call.runtime);
      if (isSuppressed(parent)) return 'suppressed';
      const attributes = attributesOf(call.target);
      span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
      if (!isValid(span)) return undefined;
      const recording = span.isRecording();
      const inside = trace.setSpan(parent, span);
      const traced: TracedCall = { tracer, span, recording, context: inside };
      if (recording) record(call, traced, faults);
      return traced;
    } catch (error) {
      faults.tell(error, call.runtime);
      if (span !== undefined) endSpan(span, call, faults, () => undefined);
      return undefined;
    }
  };
}

function record(call: ClientCall, traced: TracedCall, faults: FaultLog): void {
  const { span } = traced;
  call.set(TRACE, span.spanContext());
  countMessages(call, span, 'client', faults);
  call.onEnd((status) => {
    endSpan(span, call, faults, () => {
      span.setAttribute('inboard.attempts', call.attempts);
      setStatus(span, status, isClientError);
    });
  });
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
 * hangs below the attempt that it has served. Attempts of a call that is not recorded have none,
 * nor have those whose span the SDK fails to start: what goes onto the wire then is the call.
 */
export function attemptTracing(options: ClientTracingOptions): Interceptor<ClientCall> {
  const { propagation, faults } = options;
  return (next, method) => {
    const name = `${spanName(method)} attempt`;
    return (attempt) => {
      const call = attempt.get(TRACED);
      if (call === undefined) return next(attempt);
      const span = call.recording ? startAttempt(attempt, call, name, faults) : undefined;
      if (span === undefined) {
        propagation.inject(call.context, attempt);
        return next(attempt);
      }
      const inside = trace.setSpan(call.context, span);
      propagation.inject(inside, attempt);
      attempt.onEnd((status) => {
        endSpan(span, attempt, faults, () => {
          const { endpoint } = attempt;
          if (endpoint !== undefined) {
            span.setAttributes(addressAttributes('network.peer', endpoint));
          }
          setStatus(span, status, isAttemptError);
        });
      });
      return watched(attempt, span, within(inside, next, attempt, faults), faults);
    };
  };
}

function startAttempt(
  attempt: ClientCall,
  { tracer, context }: TracedCall,
  name: string,
  faults: FaultLog,
): Span | undefined {
  try {
    const attributes = { 'inboard.attempt': attempt.attempt + 1 };
    return tracer.startSpan(name, { attributes }, context);
  } catch (error) {
    faults.tell(error, attempt.runtime);
    return undefined;
  }
}

/** Notes who refused it, where that was this process: its status does not tell. */
function watched(
  call: ClientCall,
  span: Span,
  outcome: Promise<Payload>,
  faults: FaultLog,
): Promise<Payload> {
  return outcome.then(undefined, (error: unknown) => {
    if (error instanceof RejectedError && call.ended === undefined) {
      try {
        span.setAttribute('inboard.rejected', error.reason);
      } catch (fault) {
        faults.tell(fault, call.runtime);
      }
    }
    throw error;
  });
}
