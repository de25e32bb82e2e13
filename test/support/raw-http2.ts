import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:http2';

import { frame } from '../../src/transports/framing.ts';

/** What a server answers to a request made by hand. */
export interface RawResponse {
  readonly headers: IncomingHttpHeaders;
  /** Empty for a Trailers-Only response, whose status is in `headers`. */
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rstCode: number | undefined;
}

/** A client that can send what no gRPC client would. */
export interface RawClient extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  send(headers: OutgoingHttpHeaders | readonly string[], body?: Buffer): Promise<RawResponse>;
}

export function rawClient(port: number): RawClient {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  return {
    session,
    send: (headers, body) => send(session, headers, body),
    async [Symbol.asyncDispose]() {
      session.destroy();
    },
  };
}

/** Headers of a unary call, as far as the test does not say otherwise. */
export function callHeaders(path: string, more: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  };
}

/** An empty message, framed: the least that a unary call can send. */
export const EMPTY_MESSAGE: Buffer = frame(new Uint8Array());

/** The gRPC status of a response, wherever it stands. */
export function statusOf(response: RawResponse): { code: number; message: string } {
  const source =
    response.headers['grpc-status'] === undefined ? response.trailers : response.headers;
  return {
    code: Number(source['grpc-status']),
    message: decodeURIComponent(String(source['grpc-message'] ?? '')),
  };
}

function send(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders | readonly string[],
  body: Buffer = EMPTY_MESSAGE,
): Promise<RawResponse> {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    let response: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => {
      response = received;
    });
    stream.on('trailers', (received: IncomingHttpHeaders) => {
      trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      const { rstCode } = stream;
      resolve({ headers: response, trailers, body: Buffer.concat(chunks), rstCode });
    });
    stream.end(body);
  });
}
