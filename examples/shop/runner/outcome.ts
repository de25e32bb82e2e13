import { type CallStatus, type ClientCall, Status } from '../../../src/index.ts';

export type Outcome = 'ok' | 'failed' | 'unknown';

/** Codes that say nothing of what a server has done before it, or the way to it, gave up. */
const VAGUE: ReadonlySet<Status> = new Set([
  Status.CANCELLED,
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
]);

/**
 * What the end of a call means to whoever made it. `failed`: it was not carried out, for certain.
 * `unknown`: it may have been, and so may a part of a stream that was interrupted.
 */
export function outcomeOf(call: ClientCall, status: CallStatus): Outcome {
  if (status.code === Status.OK || wasLeft(call, status)) return 'ok';
  return status.processed === 'no' || !VAGUE.has(status.code) ? 'failed' : 'unknown';
}

/**
 * Nobody here waits for it any more: a reader that has seen enough of a stream leaves it, and so
 * does a handler that reads for a caller who is gone. That is an end as good as any.
 */
function wasLeft({ method, cancelled }: ClientCall, { code }: CallStatus): boolean {
  const reads = method.responseStream || method.idempotency === 'NO_SIDE_EFFECTS';
  return reads && code === Status.CANCELLED && cancelled?.code === code;
}
