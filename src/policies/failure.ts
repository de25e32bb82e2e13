import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/** How one attempt ended, and what it takes to judge that. */
export interface Outcome {
  readonly status: CallStatus;
  /** Why this process cancelled the attempt; undefined where it did not. */
  readonly cancelled: CallStatus | undefined;
  /** How long the attempt could have taken, in ms. Default: long enough. */
  readonly budgetMs?: number | undefined;
  /** How long all but 1 % of the method's recent calls took, in ms; undefined while unknown. */
  readonly p99Ms?: number | undefined;
}

/** Whether an outcome counts against what was called. */
export type FailureClassifier = (outcome: Outcome) => boolean;

/**
 * The default: what shows that a server is ill or away. UNAVAILABLE, INTERNAL and DATA_LOSS;
 * DEADLINE_EXCEEDED, unless the call had less time than the method takes anyway; CANCELLED that
 * nobody here asked for. RESOURCE_EXHAUSTED is none, for one tenant's limit must not cut off the
 * others, and neither is UNKNOWN, for it may be one request's own poison.
 */
export const isFailure: FailureClassifier = ({ status, cancelled, budgetMs, p99Ms }: Outcome) => {
  switch (status.code) {
    case Status.UNAVAILABLE:
      return true;
    case Status.INTERNAL:
    case Status.DATA_LOSS:
      // A request that could not even be encoded says nothing of a server.
      return status.processed !== 'no';
    case Status.DEADLINE_EXCEEDED:
      return budgetMs === undefined || (budgetMs > 0 && budgetMs >= (p99Ms ?? 0));
    case Status.CANCELLED:
      // A local cause is one too: a request stream that threw, for example.
      return cancelled === undefined && status.cause === undefined;
    default:
      return false;
  }
};

/**
 * True where an outcome that is no failure is no success either: this process ended the attempt,
 * or never sent it, or has a cause of its own for how it ended: a layer that threw, a response over
 * a limit.
 */
export function isNeutral({ status, cancelled }: Outcome): boolean {
  const { code, processed, cause } = status;
  if (code === Status.OK) return false;
  if (cancelled !== undefined || processed === 'no' || cause !== undefined) return true;
  return code === Status.DEADLINE_EXCEEDED;
}
