import { Metadata } from 'nice-grpc-common';

import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';
import { SHED } from '../core/telemetry.ts';
import { PUSHBACK_KEY } from '../policies/pushback.ts';

/** Bounds of the wait that a client is asked for where nobody knows when there will be room. */
const MIN_PUSHBACK_MS = 50;
const MAX_PUSHBACK_MS = 150;

/**
 * Refuses a call for want of room: RESOURCE_EXHAUSTED, which says by its pushback when the client
 * may try again (A6). Without a time, a short one at random, so that what was refused together
 * does not come back together.
 */
export function shed(call: ServerCall, details: string, pushbackMs?: number): StatusError {
  const spread = call.runtime.random() * (MAX_PUSHBACK_MS - MIN_PUSHBACK_MS);
  const waitMs = Math.ceil(pushbackMs ?? MIN_PUSHBACK_MS + spread);
  call.set(SHED, true);
  const metadata = Metadata({ [PUSHBACK_KEY]: String(waitMs) });
  return new StatusError({ code: Status.RESOURCE_EXHAUSTED, details, metadata });
}
