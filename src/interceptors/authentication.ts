import type { Identity } from '../core/identity.ts';
import { IDENTITY } from '../core/identity.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { refuseOver, StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';

/**
 * Establishes who calls. Resolves to undefined when the call carries no credential of this kind;
 * throws a `ServerError` (UNAUTHENTICATED) when it carries a bad one, which refuses the call also
 * where anyone may call. Runs in the call's ambient context: calls it makes inherit the deadline.
 */
export type Authenticator = (call: ServerCall) => Promise<Identity | undefined>;

/** Health is asked by kubelets and balancers that hold no credentials. */
export const EXEMPT_SERVICES: ReadonlySet<string> = new Set(['grpc.health.v1.Health']);

/**
 * Server layer 6. Asks the authenticators in turn; the first that knows the caller decides. A call
 * that none knows is refused, but for methods where `optional` says that anyone may call.
 */
export function authentication(
  authenticators: readonly Authenticator[],
  optional: (method: Method) => boolean,
): Interceptor<ServerCall> {
  return (next, method) => {
    if (authenticators.length === 0 || EXEMPT_SERVICES.has(method.service)) return next;
    const mayBeAnonymous = optional(method);
    return async (call) => {
      for (const authenticate of authenticators) {
        const identity = await authenticate(call);
        refuseOver(call);
        // `null` is what plain JavaScript may return for nobody.
        if (identity != null) {
          call.set(IDENTITY, identity);
          return next(call);
        }
      }
      if (mayBeAnonymous) return next(call);
      const details = 'The call carries no credentials that this server accepts';
      throw new StatusError({ code: Status.UNAUTHENTICATED, details });
    };
  };
}
