import type { ServerCall } from '../index.ts';
import { ServerError, Status, StatusError } from '../index.ts';
import { abortError, isAbortError } from './abort-error.ts';

/** A status of inboard's as nice-grpc's error, from which the status is had back unchanged. */
export class TranslatedError extends ServerError {
  readonly original: StatusError;

  constructor(original: StatusError) {
    super(original.status.code, original.status.details);
    this.original = original;
  }
}

/** The ends of a call that nice-grpc tells its code by an abort alone. */
const ABORTS: ReadonlySet<Status> = new Set([Status.CANCELLED, Status.DEADLINE_EXCEEDED]);

/** What a nice-grpc middleware is told of what a layer or the handler threw. */
export function errorForMiddleware(error: unknown, call: ServerCall): unknown {
  if (!(error instanceof StatusError)) return error;
  const aborted = call.cancelled !== undefined && ABORTS.has(call.cancelled.code);
  return aborted ? abortError() : new TranslatedError(error);
}

/** What the layers around a nice-grpc middleware are told of an error that leaves it. */
export function errorForStack(error: unknown, call: ServerCall): unknown {
  if (error instanceof TranslatedError) return error.original;
  if (!isAbortError(error)) return error;
  // nice-grpc's own answer to code that was aborted.
  const details = 'The operation was cancelled';
  return new StatusError(call.cancelled ?? { code: Status.CANCELLED, details, cause: error });
}
