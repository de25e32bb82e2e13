import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Limits } from '../../core/transport.ts';
import { refuseSize } from '../metadata.ts';

/** Answers what is no gRPC request as HTTP does. */
export function isGrpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  if (headers[':method'] === 'POST' && /^application\/grpc(?:[+;]|$)/.test(type ?? '')) return true;
  const status = headers[':method'] === 'POST' ? 415 : 405;
  // Without a listener an error would end the process; the stream closes by itself.
  stream.on('error', () => undefined);
  stream.respond({ ':status': status }, { endStream: true });
  return false;
}

/** Headers that are refused as a whole, read from the raw list, for Node merges duplicates. */
export function refuseHeaders(
  rawHeaders: readonly string[],
  limits: Limits,
): CallStatus | undefined {
  let bytes = 0;
  let authorizations = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    bytes += name.length + (rawHeaders[i + 1] as string).length + 32;
    if (name === 'authorization') authorizations++;
  }
  if (authorizations > 1) {
    const details = "The request carries more than one 'authorization' header: send exactly one";
    return { code: Status.UNAUTHENTICATED, details };
  }
  return refuseSize('of the request', bytes, rawHeaders.length / 2, limits);
}
