import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';

import { Metadata } from 'nice-grpc-common';

import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Limits } from '../core/transport.ts';

/**
 * Headers that belong to the protocol and not to the application. Those of HTTP/1 connections are
 * forbidden in HTTP/2 (RFC 9113, section 8.2.2): sent by one call, they would end its neighbours'
 * connection.
 */
const PROTOCOL_HEADERS: ReadonlySet<string> = new Set([
  'te',
  'content-type',
  'content-length',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'accept-encoding',
  'grpc-status',
  'grpc-message',
]);

/** Why metadata is too large to be sent, or undefined. */
export function refuseSizeOf(
  what: string,
  metadata: Metadata,
  limits: Limits,
): CallStatus | undefined {
  let bytes = 0;
  let pairs = 0;
  for (const [name, values] of metadata) {
    for (const value of values) {
      pairs++;
      bytes += pairBytes(name, value);
    }
  }
  return refuseSize(what, bytes, pairs, limits);
}

/** A final status whose trailers are not too large to be sent: an error stays the error it is. */
export function withinLimits(status: CallStatus, limits: Limits): CallStatus {
  const { code, details, metadata } = status;
  if (metadata === undefined) return status;
  const refusal = refuseSizeOf('of the response trailers', metadata, limits);
  if (refusal === undefined) return status;
  return code === Status.OK ? refusal : { code, details };
}

/** True for a header that an application may neither set nor see as metadata. */
export function isProtocolHeader(name: string): boolean {
  return name.startsWith(':') || PROTOCOL_HEADERS.has(name);
}

/** Bytes that a pair takes by the reckoning of RFC 9113, section 6.5.2. */
function pairBytes(name: string, value: string | Uint8Array): number {
  // Binary values travel as base64.
  const length = typeof value === 'string' ? value.length : Math.ceil(value.length / 3) * 4;
  return name.length + length + 32;
}

/**
 * Says why metadata cannot be sent, or undefined when it can. A second `authorization` value would
 * make grpc-js drop the whole connection, and its neighbours with it.
 */
export function refuseOutgoing(metadata: Metadata, limits: Limits): CallStatus | undefined {
  let bytes = 0;
  let pairs = 0;
  for (const [name, values] of metadata) {
    if (isProtocolHeader(name)) {
      return {
        code: Status.INVALID_ARGUMENT,
        details: `Metadata key '${name}' is reserved`,
        processed: 'no',
      };
    }
    for (const value of values) {
      pairs++;
      bytes += pairBytes(name, value);
    }
    if (name === 'authorization' && isDuplicate(values)) {
      return {
        code: Status.UNAUTHENTICATED,
        details: "Metadata has more than one 'authorization' value: send exactly one",
        processed: 'no',
      };
    }
  }
  return refuseSize('to send', bytes, pairs, limits);
}

/** Metadata joins values that are appended with a comma, so a second scheme shows as `, Bearer`. */
function isDuplicate(values: readonly (string | Uint8Array)[]): boolean {
  return values.length > 1 || /,\s*(?:bearer|basic)\s/i.test(String(values[0]));
}

/** Says why metadata of this size is refused, or undefined. */
export function refuseSize(
  what: string,
  bytes: number,
  pairs: number,
  limits: Limits,
): CallStatus | undefined {
  if (bytes > limits.metadataBytes) {
    return tooLarge(
      `The metadata ${what} takes ${bytes} bytes; the limit is ${limits.metadataBytes}`,
    );
  }
  if (pairs > limits.metadataPairs) {
    return tooLarge(
      `The metadata ${what} has ${pairs} pairs; the limit is ${limits.metadataPairs}`,
    );
  }
  return undefined;
}

function tooLarge(details: string): CallStatus {
  return { code: Status.RESOURCE_EXHAUSTED, details, processed: 'no' };
}

/** Reads application metadata out of received headers. Values that gRPC forbids are left out. */
export function fromHttp2Headers(headers: IncomingHttpHeaders): Metadata {
  const metadata = Metadata();
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || isProtocolHeader(name)) continue;
    for (const text of Array.isArray(value) ? value : [value]) addText(metadata, name, text);
  }
  return metadata;
}

function addText(metadata: Metadata, name: string, text: string): void {
  try {
    if (name.endsWith('-bin')) {
      for (const part of text.split(',')) {
        metadata.append(name, new Uint8Array(Buffer.from(part, 'base64')));
      }
    } else {
      metadata.append(name, text);
    }
  } catch {
    // Not printable ASCII: a peer that breaks the protocol must not break the call.
  }
}

/** Adds metadata to headers about to be sent. */
export function addHttp2Headers(
  headers: OutgoingHttpHeaders,
  metadata: Metadata | undefined,
): void {
  if (metadata === undefined) return;
  for (const [name, values] of metadata) {
    if (isProtocolHeader(name)) continue;
    headers[name] = values.length === 1 ? headerText(values[0] ?? '') : values.map(headerText);
  }
}

function headerText(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('base64');
}

/**
 * Percent-encodes a `grpc-message` (gRPC over HTTP/2: all but printable ASCII, and `%`), and the
 * spaces at its ends, with which HTTP/2 lets no header arrive (RFC 9113, section 8.2.1).
 */
export function encodeMessage(text: string): string {
  if (/^(?! )[ -$&-~]*(?<! )$/.test(text)) return text;
  return text.toWellFormed().replace(/[^ -$&-~]|^ | $/gu, (char) => encodeURIComponent(char));
}
