import type { Attributes, Span } from '@opentelemetry/api';
import { INVALID_TRACEID, SpanStatusCode } from '@opentelemetry/api';

import type { Method } from '../../core/method.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';

/** Text that a peer chose is cut to this many characters. */
const MAX_TEXT = 256;

/** `host:port` or `[v6]:port`. A bare IPv6 address is neither. */
const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

/** One for all methods that the server does not know, whose number is up to its peers. */
const UNKNOWN_METHOD = '_OTHER';

/** Codes that a server's span counts as its own failure (semantic conventions 1.45, gRPC). */
const SERVER_ERRORS: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

export function isServerError(code: Status): boolean {
  return SERVER_ERRORS.has(code);
}

/** For the caller everything is an error that is not OK. */
export function isClientError(code: Status): boolean {
  return code !== Status.OK;
}

/** An attempt that somebody here took back has not failed: that is the business of its call. */
export function isAttemptError(code: Status): boolean {
  return code !== Status.OK && code !== Status.CANCELLED;
}

/** `package.Service/Method`; for methods that are not known the name of the system. */
export function spanName(method: Method): string {
  return method.known ? method.path.slice(1) : 'grpc';
}

/** What all calls of a method have in common. */
export function methodAttributes(method: Method): Attributes {
  return {
    'rpc.system.name': 'grpc',
    'rpc.method': method.known ? method.path.slice(1) : UNKNOWN_METHOD,
  };
}

/** The path that a peer asked for and nobody knows. */
export function originalMethod(path: string): Attributes {
  return { 'rpc.method_original': cut(path.startsWith('/') ? path.slice(1) : path) };
}

/** False for a span that stands for nothing, as where the provider is a no-op. */
export function isValid(span: Span): boolean {
  return span.spanContext().traceId !== INVALID_TRACEID;
}

const KEYS = {
  server: ['server.address', 'server.port'],
  'network.peer': ['network.peer.address', 'network.peer.port'],
} as const;

/** An address under `server` or `network.peer`: the host, and the port where there is one. */
export function addressAttributes(kind: keyof typeof KEYS, text: string): Attributes {
  const [, inBrackets, name, port] = HOST_AND_PORT.exec(text) ?? [];
  const address = cut(inBrackets ?? name ?? (text.startsWith('unix:') ? text.slice(5) : text));
  const [addressKey, portKey] = KEYS[kind];
  if (port === undefined) return { [addressKey]: address };
  return { [addressKey]: address, [portKey]: Number(port) };
}

/** Of a target: `dns:///orders:50051` is host and port; one of several addresses stays whole. */
export function targetAttributes(target: string): Attributes {
  if (target.startsWith('unix:')) {
    return { 'server.address': cut(target.slice('unix:'.length).replace(/^\/{3}/, '/')) };
  }
  const named = /^[a-z][a-z0-9+.-]*:\/\/[^/]*\/(.+)$/i.exec(target)?.[1] ?? target;
  if (named.includes(',')) return { 'server.address': cut(named) };
  return addressAttributes('server', named);
}

/** How it ended: the code by name, and what of it is an error to this side. */
export function setStatus(
  span: Span,
  { code, details }: CallStatus,
  isError: (code: Status) => boolean,
): void {
  const name = Status[code] ?? String(code);
  span.setAttribute('rpc.status_code', name);
  if (!isError(code)) return;
  span.setAttribute('error.type', name);
  span.setStatus({ code: SpanStatusCode.ERROR, message: cut(details) });
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}
