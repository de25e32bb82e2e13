import type { Ambient } from '../core/ambient.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Criticality } from '../core/criticality.ts';
import { CRITICALITY_KEY, criticalityOf, lesser } from '../core/criticality.ts';
import { ConfigError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/** Kept back from an inherited deadline for the way, in ms. */
const HOP_MS = 2;

/** What the calls of a method start with. */
export interface CallDefaults {
  /** How long it may take where it asks for nothing itself, in ms. */
  readonly timeoutMs: number;
  /** How long it may take whatever it asks for, in ms. */
  readonly maxTimeoutMs: number;
  /** Undefined where nobody says any. */
  readonly criticality: Criticality | undefined;
}

/**
 * Client layer 1. Sets the deadline, min(inherited − 2 ms, the method's bound, what the call asks
 * for), and hands the call being handled down to this one: its cancellation, its criticality and
 * its allow-listed metadata.
 */
export function clientContext(
  defaultsOf: (method: Method) => CallDefaults,
): Interceptor<ClientCall> {
  return (next, method) => {
    const defaults = defaultsOf(method);
    return (call) => {
      const { clock, ambient } = call.runtime;
      const timeoutMs = Math.min(call.timeoutMs ?? defaults.timeoutMs, defaults.maxTimeoutMs);
      // What is left of somebody's time may be nothing; what is no number is a mistake.
      if (Number.isNaN(timeoutMs)) checkTimeout(timeoutMs, method.path);
      const startMs = clock.now();
      call.deadline = startMs + timeoutMs;
      const inherited = ambient.current();
      if (inherited !== undefined) inherit(call, inherited);
      setCriticality(call, inherited, defaults.criticality);
      if (call.deadline === Number.POSITIVE_INFINITY) return next(call);
      // Not refused here: the layers below count and trace this call like any other.
      if (call.deadline <= startMs) call.cancel(exceeded('before the call was sent'));
      if (call.cancelled !== undefined) return next(call);
      const timer = clock.setTimer(call.deadline, () => {
        call.cancel(exceeded(`after ${Math.round(clock.now() - startMs)} ms`));
      });
      call.onEnd(() => timer.clear());
      return next(call);
    };
  };
}

function inherit(call: ClientCall, { call: parent, propagated }: Ambient): void {
  call.deadline = Math.min(call.deadline, parent.deadline - HOP_MS);
  for (const [key, values] of propagated) {
    if (!call.headers.has(key)) call.headers.set(key, [...values]);
  }
  const unsubscribe = parent.onCancel((status) => call.cancel(inheritedEnd(parent.ended, status)));
  call.onEnd(unsubscribe);
}

/** Sent where somebody says any; what the caller's own metadata says comes before all. */
function setCriticality(
  call: ClientCall,
  inherited: Ambient | undefined,
  own: Criticality | undefined,
): void {
  const from = inherited === undefined ? undefined : criticalityOf(inherited.call.headers);
  const criticality = lesser(from, own);
  if (criticality === undefined || call.headers.has(CRITICALITY_KEY)) return;
  call.headers.set(CRITICALITY_KEY, criticality);
}

function inheritedEnd(ended: CallStatus | undefined, status: CallStatus): CallStatus {
  if (status.code === Status.DEADLINE_EXCEEDED)
    return exceeded('in the call that started this one');
  const details =
    ended === undefined
      ? 'The call that started this one was cancelled'
      : 'The call that started this one is over: use detached() for work that outlives it';
  return { code: Status.CANCELLED, details };
}

function exceeded(when: string): CallStatus {
  return { code: Status.DEADLINE_EXCEEDED, details: `The deadline was exceeded ${when}` };
}

function checkTimeout(timeoutMs: number, path: string): void {
  if (timeoutMs > 0) return;
  throw new ConfigError(
    `timeoutMs of ${path} is ${timeoutMs}: give a positive number of ms, or Infinity for none`,
  );
}
