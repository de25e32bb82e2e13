import type { Metadata } from 'nice-grpc-common';
import { Status } from 'nice-grpc-common';

export { Status };

/**
 * Whether the server's application may have seen a failed call. Only `'no'` may be retried for a
 * method that is not idempotent.
 */
export type Processed = 'no' | 'unknown';

/** How a call, or one attempt of it, ended. */
export interface CallStatus {
  readonly code: Status;
  /** Human-readable, empty when OK. */
  readonly details: string;
  /** Response trailers, when there are any. */
  readonly metadata?: Metadata | undefined;
  /** Default `'unknown'`. */
  readonly processed?: Processed | undefined;
  /** What set it off on this side: never sent to a peer. */
  readonly cause?: unknown;
}

export const OK: CallStatus = Object.freeze({ code: Status.OK, details: '' });
