import type { Draining } from '../core/draining.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import { SHUTTING_DOWN, StatusError } from '../core/server-call.ts';

/**
 * Server layer 4. Once every connection was told of its last call, refuses what still arrives,
 * over connections whose handshake ended only then. Nobody has processed such a call, and its
 * client is told so: it may send it elsewhere, also where the method is not idempotent (A6).
 */
export function drainGate(draining: Draining): Interceptor<ServerCall> {
  return (next) => (call) => {
    if (!draining.refusing) return next(call);
    return Promise.reject(new StatusError({ ...SHUTTING_DOWN, processed: 'no' }));
  };
}
