import { Status } from '../../core/status.ts';

/** How many status codes gRPC has. */
export const CODES = 17;

/** Status codes by their names in Go, as go-grpc-prometheus labels them, indexed by number. */
export const CODE_NAMES: readonly string[] = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

const FAILURES: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

/** Whether a code counts against the success rate: the server's fault, not its caller's. */
export function isFailureCode(code: Status): boolean {
  return FAILURES.has(code);
}

/** Whether a success rate is made of it: the other codes are what callers asked for. */
export function isOfSuccessRate(code: Status): boolean {
  return code === Status.OK || isFailureCode(code);
}

/** A peer may send any number; what is no code of gRPC counts as UNKNOWN. */
export function knownCode(code: number): Status {
  return code >= 0 && code < CODES && Number.isInteger(code) ? code : Status.UNKNOWN;
}
