import { randomUUID } from 'node:crypto';

import type { Metadata } from 'nice-grpc-common';
import { ServerError } from 'nice-grpc-common';

import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/**
 * Server layer 2. Turns whatever is thrown below into a status. A `ServerError` keeps its code,
 * text and details; anything else becomes UNKNOWN with an error id, and only the log learns more.
 */
export function errorMapping(): Interceptor<ServerCall> {
  return (next) => (call) => {
    const map = (error: unknown): never => {
      throw error instanceof StatusError ? error : new StatusError(mapError(call, error));
    };
    try {
      return next(call).catch(map);
    } catch (error) {
      return new Promise(() => map(error));
    }
  };
}

/** The status that a client sees for what a handler or a layer threw. */
export function mapError(call: ServerCall, error: unknown): CallStatus {
  if (error instanceof StatusError) return error.status;
  // Code that was cancelled throws all sorts of things on its way out.
  if (call.cancelled !== undefined) return call.cancelled;
  if (error instanceof ServerError) {
    const { code, details } = error;
    return { code, details, metadata: (error as { metadata?: Metadata }).metadata };
  }
  // As nice-grpc has it: a handler that aborts by itself has cancelled its call.
  if (error instanceof Error && error.name === 'AbortError') {
    // Node's operations keep the signal's reason as the cause: that of `draining` is a status.
    if (error.cause instanceof StatusError) return error.cause.status;
    return { code: Status.CANCELLED, details: 'The handler aborted the call' };
  }
  const errorId = randomUUID();
  call.runtime.logger.error({ err: error, errorId, method: call.path }, 'a handler failed');
  return { code: Status.UNKNOWN, details: `Internal error ${errorId}` };
}
