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
 * What the end of a call means to whoever made it. A failure is `unknown` where the work may have
 * been done all the same: a call that is not idempotent, or a stream that was interrupted. An
 * idempotent unary call has plainly `failed`, for it could be made again.
 */
export function outcomeOf(call: ClientCall, status: CallStatus): Outcome {
  const { method } = call;
  if (status.code === Status.OK || wasLeft(call, status)) return 'ok';
  if (status.processed === 'no' || !VAGUE.has(status.code)) return 'failed';
  const repeatable = method.shape === 'unary' && method.idempotency !== undefined;
  return repeatable ? 'failed' : 'unknown';
}

/** A reader that has seen enough of a stream leaves it: that is an end as good as any. */
function wasLeft({ method, cancelled }: ClientCall, { code }: CallStatus): boolean {
  return method.responseStream && code === Status.CANCELLED && cancelled?.code === code;
}
