import type { ClientCall } from '../core/client-call.ts';
import { RejectedError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import { Status } from '../core/status.ts';
import type { TokenBucket } from '../policies/token-bucket.ts';

/** Client layer 4. Refuses what is over the method's rate, before the call holds anything. */
export function rateLimit(
  bucketOf: (method: Method) => TokenBucket | undefined,
): Interceptor<ClientCall> {
  return (next, method) => {
    const bucket = bucketOf(method);
    if (bucket === undefined) return next;
    return (call) => (bucket.tryTake() ? next(call) : Promise.reject(refusal(method, bucket)));
  };
}

function refusal({ path }: Method, bucket: TokenBucket): RejectedError {
  const details =
    `${path} is limited to ${bucket.perSecond} calls a second; ` +
    `the next may be made in ${Math.ceil(bucket.msUntilToken())} ms`;
  return new RejectedError(path, 'rate_limited', { code: Status.RESOURCE_EXHAUSTED, details });
}
