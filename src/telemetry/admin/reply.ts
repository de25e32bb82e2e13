import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a request is answered with as a whole. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** For whatever is no page of its own: it loads nothing, and stands in no frame. */
const LOADS_NOTHING = "default-src 'none'; frame-ancestors 'none'";

export function text(status: number, body: string): Reply {
  return { status, type: TEXT, body: `${body}\n` };
}

export function json(status: number, value: unknown): Reply {
  return { status, type: JSON_TYPE, body: `${toJson(value)}\n` };
}

/**
 * JSON of what the process knows: null stands for what is not known and for no bound (undefined,
 * Infinity), a string for a bigint, a list for a set, an object for a map, a name for a function.
 */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, plain, indent);
}

function plain(_key: string, value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'function':
      return value.name;
    case 'object':
      if (value instanceof Set) return [...(value as Set<unknown>)];
      if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
      if (value instanceof RegExp) return String(value);
      return value;
    default:
      return value;
  }
}

/** Headers of every answer: what comes from here is looked at here, now, and nowhere else. */
export function securityHeaders(csp: string = LOADS_NOTHING): Record<string, string> {
  return {
    'Content-Security-Policy': csp,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}

export function send(response: ServerResponse, reply: Reply, close: boolean): void {
  const { status, type, body, headers = {} } = reply;
  response.writeHead(status, {
    ...securityHeaders(),
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    ...(close ? { Connection: 'close' } : {}),
    ...headers,
  });
  response.end(body);
}

/** A request's body as a whole; undefined where it is larger than `limitBytes`. */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
