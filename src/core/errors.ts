import { ClientError, Metadata } from 'nice-grpc-common';

import type { CallStatus, Processed } from './status.ts';
import { Status } from './status.ts';

/**
 * A failed call, as its caller sees it. A `ClientError` of nice-grpc with what that lacks:
 * trailers, whether the server may have run it, and the local cause.
 */
export class RpcError extends ClientError {
  /** Response trailers; empty when the server sent none. */
  declare readonly metadata: Metadata;
  /** `'no'`: the server's application never saw the call. */
  readonly processed: Processed;

  constructor(path: string, status: CallStatus) {
    super(path, status.code, status.details);
    this.name = 'RpcError';
    // Not shown when the error is printed: it is an object of functions.
    const metadata = status.metadata ?? Metadata();
    Object.defineProperty(this, 'metadata', { value: metadata, enumerable: false });
    this.processed = status.processed ?? 'unknown';
    if (status.cause !== undefined) this.cause = status.cause;
  }
}

/** Which layer of this process refused a call. */
export type Rejection =
  | 'circuit_open'
  | 'bulkhead_full'
  | 'rate_limited'
  | 'throttled'
  | 'channel_closed';

/**
 * A call that this process refused to make. It is final: another attempt would be refused too, or
 * would defeat what refused this one.
 */
export class RejectedError extends RpcError {
  readonly reason: Rejection;

  constructor(path: string, reason: Rejection, status: CallStatus) {
    super(path, { ...status, processed: 'no' });
    this.name = 'RejectedError';
    this.reason = reason;
  }
}

/** A call refused because its method's breaker is open. */
export class CircuitOpenError extends RejectedError {
  /** How long the breaker has been open, in ms. */
  readonly openForMs: number;
  /** In how many ms it lets the next call try; 0 while the probes that are out decide. */
  readonly nextProbeInMs: number;

  constructor(path: string, openForMs: number, nextProbeInMs: number) {
    const details =
      `The circuit of ${path} has been open for ${Math.round(openForMs)} ms; ` +
      `next probe in ${Math.round(nextProbeInMs)} ms`;
    super(path, 'circuit_open', { code: Status.UNAVAILABLE, details });
    this.name = 'CircuitOpenError';
    this.openForMs = openForMs;
    this.nextProbeInMs = nextProbeInMs;
  }
}

/**
 * Something the program itself got wrong before any call was made: an option, a target, an
 * address, a credential. The message says what, where and what to do.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A listener that could not open its address. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** The address as it was given. */
  readonly address: string;
  /** The system's code, e.g. `EADDRINUSE`. */
  readonly code: string | undefined;

  constructor(address: string, message: string, cause?: NodeJS.ErrnoException) {
    super(message, { cause });
    this.address = address;
    this.code = cause?.code;
  }
}

/** The error's own words, or the thrown value as text: a handler may throw anything. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A status as a failure of the call to `path`. */
export function toRpcError(path: string, error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof ClientError) {
    return new RpcError(path, { code: error.code, details: error.details, cause: error });
  }
  return new RpcError(path, { code: Status.UNKNOWN, details: describe(error), cause: error });
}

/** The status that an error of a client call stands for. */
export function statusOfError(error: unknown): CallStatus {
  if (error instanceof RpcError) {
    const { code, details, metadata, processed } = error;
    // A refusal is its own cause, so that whoever sees the end of the call knows who refused it.
    const cause = error instanceof RejectedError ? error : error.cause;
    return { code, details, metadata, processed, cause };
  }
  if (error instanceof ClientError)
    return { code: error.code, details: error.details, cause: error };
  return { code: Status.UNKNOWN, details: describe(error), cause: error };
}
