import { callKey } from '../core/call-key.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import { mapError } from './error-mapping.ts';

/** One thing that is wrong with a request. */
export interface Violation {
  /** Path of the field, as in `items[2].quantity`. */
  readonly field: string;
  /** What is wrong and what would be right, for the caller to read. */
  readonly description: string;
}

/** Says what is wrong with one request message; an empty list when nothing is. */
export type Validator = (message: unknown) => readonly Violation[];

/** Set once a request failed validation, so that the rest of its stream is not looked at. */
const REFUSED = callKey<CallStatus | undefined>('validation', undefined);

/**
 * Server layer 11. Looks at each request message before the handler does. `refusal` makes the
 * status, for its details are Protobuf messages that this layer knows nothing of.
 */
export function validation(
  validatorOf: (method: Method) => Validator | undefined,
  refusal: (violations: readonly Violation[]) => CallStatus,
): Interceptor<ServerCall> {
  return (next, method) => {
    const validator = validatorOf(method);
    if (validator === undefined) return next;
    const check = (call: ServerCall, message: unknown): CallStatus | undefined => {
      try {
        const violations = validator(message);
        return violations.length === 0 ? undefined : refusal(violations);
      } catch (error) {
        // A validator that breaks must not let its message through.
        return mapError(call, error);
      }
    };
    if (!method.requestStream) {
      return async (call) => {
        const status = check(call, await call.request);
        if (status !== undefined) throw new StatusError(status);
        return next(call);
      };
    }
    return (call) => {
      call.onRequestMessage((message) => {
        if (call.get(REFUSED) !== undefined) return;
        const status = check(call, message);
        if (status === undefined) return;
        call.set(REFUSED, status);
        call.failed(status);
      });
      return next(call);
    };
  };
}
