import type { Call } from '../../core/call.ts';
import type { ClientCall } from '../../core/client-call.ts';
import { parseTimeout } from '../../core/deadline.ts';
import { RejectedError } from '../../core/errors.ts';
import { splitPath } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import { TRACE } from '../../core/telemetry.ts';

/** The longest text of a peer's that a line holds, in characters. */
const MAX_TEXT = 200;

/** What a call's own failures are logged under, by the server that gave this text. */
const ERROR_ID =
  /^(?:Internal error|The handler's response cannot be encoded: error) ([0-9a-f-]{36})$/;

export type Fields = Record<string, unknown>;
export type Level = 'error' | 'warn' | 'info';

/** A call that is over, in the time of its runtime's clock. */
export interface EndedCall<C extends Call> {
  readonly call: C;
  readonly status: CallStatus;
  readonly startMs: number;
  readonly endMs: number;
}

/** What a line says of a call, in the order in which it says it. */
export type Describe<C extends Call> = (ended: EndedCall<C>, keys: readonly string[]) => Fields;

/** A line of a call that this process has served. */
export const describeServed: Describe<ServerCall> = (ended, keys) => {
  const { call } = ended;
  const timeoutMs = call.timeout === undefined ? undefined : parseTimeout(call.timeout);
  return {
    side: 'server',
    ...(call.method.known ? nameOf(call) : askedFor(call.path)),
    ...outcome(ended, timeoutMs),
    peer: call.peer.address,
    ...identifiers(ended),
    ...requestMetadata(call, keys),
  };
};

/** A line of a call that this process has made. */
export const describeMade: Describe<ClientCall> = (ended, keys) => {
  const { call, status, startMs } = ended;
  const { cause } = status;
  return {
    side: 'client',
    ...nameOf(call),
    ...outcome(ended, finite(call.deadline - startMs)),
    peer: call.endpoint ?? null,
    attempts: call.attempts,
    ...(cause instanceof RejectedError && { rejected: cause.reason }),
    ...identifiers(ended),
    ...requestMetadata(call, keys),
  };
};

/** `error` for defects, `warn` for what an operator may want to see, `info` for the rest. */
export function levelOf(code: Status): Level {
  switch (code) {
    case Status.UNKNOWN:
    case Status.INTERNAL:
    case Status.DATA_LOSS:
      return 'error';
    case Status.DEADLINE_EXCEEDED:
    case Status.RESOURCE_EXHAUSTED:
    case Status.UNIMPLEMENTED:
    case Status.UNAVAILABLE:
    case Status.UNAUTHENTICATED:
    case Status.PERMISSION_DENIED:
      return 'warn';
    default:
      // OK, and what callers get wrong or want no more. A number that is no code is a defect.
      return code in Status ? 'info' : 'error';
  }
}

function nameOf({ method }: Call): Fields {
  return { service: method.service, method: method.name, type: method.shape };
}

/** A path that nothing is served under, as far as it is one. */
function askedFor(path: string): Fields {
  const { service, method } = splitPath(path);
  return { service: cut(service), method: cut(method), type: 'unknown' };
}

function outcome(
  { call, status, startMs, endMs }: EndedCall<Call>,
  timeoutMs: number | undefined,
): Fields {
  const { code, details } = status;
  return {
    code: Status[code] ?? `${code}`,
    ...(code !== Status.OK && { details: cut(details) }),
    durationMs: tenths(endMs - startMs),
    timeoutMs: timeoutMs === undefined ? null : tenths(timeoutMs),
    remainingMs: finite(call.deadline) === undefined ? null : tenths(call.deadline - endMs),
  };
}

function identifiers({ call, status }: EndedCall<Call>): Fields {
  const trace = call.get(TRACE);
  const errorId = status.code === Status.OK ? undefined : ERROR_ID.exec(status.details)?.[1];
  return {
    ...(trace !== undefined && { traceId: trace.traceId, spanId: trace.spanId }),
    ...(errorId !== undefined && { errorId }),
  };
}

function requestMetadata(call: Call, keys: readonly string[]): Fields {
  if (keys.length === 0 || !call.hasHeaders) return {};
  const found = keys
    .map((key) => [key, call.headers.getAll(key)] as const)
    .filter(([, values]) => values.length > 0)
    .map(([key, values]) => [key, cut(values.join(', '))] as const);
  return found.length === 0 ? {} : { requestMetadata: Object.fromEntries(found) };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
