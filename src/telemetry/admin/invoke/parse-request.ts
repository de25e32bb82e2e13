import type { DescMethod, JsonValue, Registry } from '@bufbuild/protobuf';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import { Metadata } from 'nice-grpc-common';

import { describe } from '../../../core/errors.ts';
import type { InvokeRequest } from '../../console/console-state.ts';

/** How long a call may take where nothing is said, and at most, in ms. */
const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 60_000;

/** Messages of a streamed request. */
const MAX_MESSAGES = 1_000;

const KEYS: ReadonlySet<string> = new Set<keyof InvokeRequest>([
  'service',
  'method',
  'message',
  'metadata',
  'timeoutMs',
]);

/** Metadata that belongs to the protocol. */
const RESERVED = /^(?:te|host|connection|content-type|content-length|transfer-encoding|grpc-.*)$/;

/** What is wrong with a request: which field, and why. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

/** Reads the body of a request; throws a `BadRequest`. */
export function parseRequest(body: string): Required<InvokeRequest> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw new BadRequest(`The body is no JSON: ${describe(error)}`, { cause: error });
  }
  if (!isObject(parsed)) throw new BadRequest('The body must be an object');
  const unknown = Object.keys(parsed).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw new BadRequest(`${unknown}: there is no such field`);
  const { message, metadata = {}, timeoutMs = DEFAULT_TIMEOUT_MS } = parsed;
  if (message === undefined) throw new BadRequest('message: is missing');
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new BadRequest(`timeoutMs: give ms, above 0 and at most ${MAX_TIMEOUT_MS}`);
  }
  if (!isObject(metadata)) throw new BadRequest('metadata: give an object of texts');
  return {
    service: text(parsed, 'service'),
    method: text(parsed, 'method'),
    message,
    metadata: metadata as Readonly<Record<string, string>>,
    timeoutMs,
  };
}

/** Metadata of an object of texts; what is binary is given as base64. Throws a `BadRequest`. */
export function parseMetadata(texts: Readonly<Record<string, unknown>>): Metadata {
  const metadata = Metadata();
  for (const [key, value] of Object.entries(texts)) {
    const what = `metadata['${key}']`;
    if (typeof value !== 'string') throw new BadRequest(`${what}: give a text`);
    if (RESERVED.test(key.toLowerCase())) throw new BadRequest(`${what}: the name is reserved`);
    try {
      const isBinary = key.toLowerCase().endsWith('-bin');
      metadata.set(key, isBinary ? new Uint8Array(Buffer.from(value, 'base64')) : value);
    } catch (error) {
      throw new BadRequest(`${what}: ${describe(error)}`, { cause: error });
    }
  }
  return metadata;
}

/** The request messages as bytes. Throws a `BadRequest` that names the field. */
export function encodeMessages(
  { input, methodKind }: DescMethod,
  message: unknown,
  registry: Registry,
): Uint8Array[] {
  const streamed = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  if (streamed && !Array.isArray(message)) {
    throw new BadRequest('message: the request is a stream: give a list of messages');
  }
  const messages = streamed ? (message as unknown[]) : [message];
  if (messages.length > MAX_MESSAGES) {
    throw new BadRequest(`message: a stream from here has at most ${MAX_MESSAGES} messages`);
  }
  return messages.map((each, at) => {
    try {
      return toBinary(input, fromJson(input, each as JsonValue, { registry }));
    } catch (error) {
      const which = streamed ? `message[${at}]` : 'message';
      throw new BadRequest(`${which}: ${describe(error)}`, { cause: error });
    }
  });
}

function text(parsed: Readonly<Record<string, unknown>>, key: string): string {
  const value = parsed[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new BadRequest(`${key}: give a name`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
