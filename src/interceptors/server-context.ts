import { AsyncLocalStorage } from 'node:async_hooks';

import type { Ambient } from '../core/ambient.ts';
import type { CallKey } from '../core/call-key.ts';
import { callKey } from '../core/call-key.ts';
import { parseTimeout } from '../core/deadline.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/** Default upper bound of an inbound deadline, in ms: one hour. */
export const MAX_INBOUND_TIMEOUT_MS = 3_600_000;

/** Runs a body in the asynchronous context of a call: its own, and those of layers outside. */
export type InContext = <T>(body: () => T) => T;

/** Of a streamed response: for the pump that reads it, in place of whoever happens to. */
export const IN_CONTEXT: CallKey<InContext | undefined> = callKey<InContext | undefined>(
  'context',
  undefined,
);

export interface ServerContextOptions {
  /** Longer inbound deadlines are cut to this, in ms. Default one hour. */
  readonly maxTimeoutMs: number;
  /** Request metadata that the handler's outgoing calls repeat. */
  readonly propagate: readonly string[];
}

/**
 * Server layer 3. Refuses headers that break the protocol, sets the deadline, refuses what is
 * expired, and makes the call the ambient context of everything below, the hooks of
 * authentication included.
 */
export function serverContext(options: ServerContextOptions): Interceptor<ServerCall> {
  const { maxTimeoutMs, propagate } = options;
  return (next, method) => (call) => {
    if (call.refused !== undefined) return Promise.reject(new StatusError(call.refused));
    const refusal = setDeadline(call, maxTimeoutMs);
    if (refusal !== undefined) return Promise.reject(new StatusError(refusal));
    const ambient = {
      call,
      propagated: propagate.length === 0 ? [] : pickHeaders(call, propagate),
    };
    return call.runtime.ambient.run(ambient, () => {
      if (method.responseStream) call.set(IN_CONTEXT, AsyncLocalStorage.snapshot());
      return next(call);
    });
  };
}

function setDeadline(call: ServerCall, maxTimeoutMs: number): CallStatus | undefined {
  const text = call.timeout;
  if (text === undefined) return undefined;
  const timeoutMs = parseTimeout(text);
  if (timeoutMs === undefined) {
    const details = `Malformed grpc-timeout '${text.slice(0, 32)}': 1 to 8 digits and one of HMSmun`;
    return { code: Status.INTERNAL, details };
  }
  if (timeoutMs <= 0) {
    return { code: Status.DEADLINE_EXCEEDED, details: 'The deadline had passed on arrival' };
  }
  const { clock } = call.runtime;
  call.deadline = clock.now() + Math.min(timeoutMs, maxTimeoutMs);
  const timer = clock.setTimer(call.deadline, () => {
    call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'The deadline was exceeded' });
  });
  call.onEnd(() => timer.clear());
  return undefined;
}

function pickHeaders(call: ServerCall, keys: readonly string[]): Ambient['propagated'] {
  return keys
    .map((key) => [key, call.headers.getAll(key)] as const)
    .filter(([, values]) => values.length > 0);
}
