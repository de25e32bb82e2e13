import type { CallStatus, ClientCall } from '../index.ts';
import { ClientError, RpcError, Status } from '../index.ts';
import { abortError, isAbortError } from './abort-error.ts';

/**
 * What a nice-grpc middleware is told of a failed call. A cancellation on this side is no status
 * there: a single response rejects with the signal's reason, a stream with an AbortError. What is
 * over for another reason, such as a deadline, is a `ClientError`.
 */
export function errorForMiddleware(
  error: unknown,
  call: ClientCall,
  signal: AbortSignal | undefined,
): unknown {
  const { cancelled } = call;
  if (cancelled !== undefined && cancelled.code !== Status.CANCELLED) return error;
  const aborted = cancelled === undefined ? signal : call.signal;
  if (aborted?.aborted !== true) return error;
  return call.method.responseStream ? abortError() : (aborted.reason as unknown);
}

/** What the layers around a nice-grpc middleware are told of an error that leaves it. */
export function errorForStack(error: unknown, call: ClientCall): unknown {
  if (error instanceof RpcError) return error;
  const { path } = call.method;
  const { cancelled } = call;
  if (cancelled !== undefined && (isAbortError(error) || error === call.signal.reason)) {
    return new RpcError(path, cancelled);
  }
  if (isAbortError(error)) {
    const details = 'A middleware cancelled the call';
    return new RpcError(path, { code: Status.CANCELLED, details, cause: error });
  }
  if (!(error instanceof ClientError)) return error;
  const { code, details } = error;
  const metadata = call.hasResponseTrailer ? call.responseTrailer : undefined;
  return new RpcError(path, { code, details, metadata, cause: error });
}

/** The status that a call ends with for an error. */
export function statusOf(error: unknown): CallStatus {
  if (error instanceof RpcError) {
    const { code, details, metadata, processed, cause } = error;
    return { code, details, metadata, processed, cause };
  }
  if (error instanceof ClientError) {
    return { code: error.code, details: error.details, cause: error };
  }
  return { code: Status.UNKNOWN, details: String(error), cause: error };
}
