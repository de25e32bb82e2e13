import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/**
 * True for a status that says nothing but "not here": a client may take the call elsewhere at
 * once. A refusal with another code has something to tell, which a refused stream could not.
 */
export function isUnprocessed({ code, processed }: CallStatus): boolean {
  return processed === 'no' && code === Status.UNAVAILABLE;
}
