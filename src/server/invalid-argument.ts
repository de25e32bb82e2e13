import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import { detailsTrailer } from '../errors/error-details.ts';
import type { Violation } from '../interceptors/validation.ts';

/** What a request that is not valid is refused with: each violation, in words and typed. */
export function invalidArgument(violations: readonly Violation[]): CallStatus {
  const code = Status.INVALID_ARGUMENT;
  const details = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  const value = { fieldViolations: [...violations] };
  return {
    code,
    details,
    metadata: detailsTrailer(code, details, [{ type: 'BadRequest', value }]),
  };
}
