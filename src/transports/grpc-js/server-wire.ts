import type {
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerStreamResponseOptions,
} from 'node:http2';
import { constants } from 'node:http2';

import type { Metadata } from 'nice-grpc-common';

import { describe } from '../../core/errors.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Limits, Peer, ServerWire, WireReceiver } from '../../core/transport.ts';
import { ACCEPTED_ENCODINGS, decompress } from '../decompress.ts';
import type { Frame } from '../framing.ts';
import { Deframer, FramingError, frame } from '../framing.ts';
import {
  addHttp2Headers,
  encodeMessage,
  fromHttp2Headers,
  refuseSizeOf,
  withinLimits,
} from '../metadata.ts';
import { isUnprocessed } from '../unprocessed.ts';
import type { ServerConnection } from './server-connection.ts';
import { refuseHeaders } from './request-headers.ts';

/** gRPC has no use for HTTP's `date`; the option is in Node's code, not in its types. */
const NO_DATE = { sendDate: false };
const RESPOND: ServerStreamResponseOptions = { waitForTrailers: true, ...NO_DATE };
const RESPOND_AND_END: ServerStreamResponseOptions = { endStream: true, ...NO_DATE };

/** gRPC over one HTTP/2 stream, the server's side. */
export class Http2ServerWire implements ServerWire {
  readonly path: string;
  readonly authority: string;
  readonly peer: Peer;
  readonly timeout: string | undefined;
  readonly refused: CallStatus | undefined;

  private readonly stream: ServerHttp2Stream;
  private readonly connection: ServerConnection;
  private readonly requestHeaders: IncomingHttpHeaders;
  private readonly limits: Limits;
  private readonly deframer: Deframer;
  private receiver: WireReceiver | undefined = undefined;
  private queue: Frame[] = [];
  private wanted = false;
  private inflating = false;
  private delivering = false;
  private flowing = false;
  private requestEnded = false;
  private headersSent = false;
  private finished = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    connection: ServerConnection,
    limits: Limits,
  ) {
    const { caller } = connection;
    this.stream = stream;
    this.connection = connection;
    this.requestHeaders = headers;
    this.limits = limits;
    this.peer = caller.peer;
    this.path = headers[':path'] ?? '';
    this.authority = headers[':authority'] ?? headers.host ?? '';
    this.timeout = headers['grpc-timeout'] as string | undefined;
    this.refused = caller.refused ?? refuseHeaders(rawHeaders, limits);
    this.deframer = new Deframer(limits.messageBytes);
    connection.callStarted();
    stream.on('error', ignore);
    stream.on('close', () => this.closed());
  }

  readHeaders(): Metadata {
    return fromHttp2Headers(this.requestHeaders);
  }

  receive(receiver: WireReceiver): void {
    this.receiver = receiver;
  }

  pull(): void {
    this.wanted = true;
    this.deliver();
    if (this.wanted && !this.inflating) this.flow();
  }

  sendHeaders(metadata: Metadata | undefined): void {
    const { stream } = this;
    if (this.headersSent || this.finished || stream.closed) return;
    const refusal = metadata && refuseSizeOf('of the response headers', metadata, this.limits);
    if (refusal !== undefined) {
      this.sendStatus(refusal);
      return;
    }
    this.headersSent = true;
    const headers: OutgoingHttpHeaders = {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-accept-encoding': ACCEPTED_ENCODINGS,
    };
    addHttp2Headers(headers, metadata);
    this.attempt(() => stream.respond(headers, RESPOND));
  }

  sendMessage(bytes: Uint8Array): Promise<void> | undefined {
    const { stream } = this;
    if (this.finished) return undefined;
    // Node tells of the end in a later turn: a fast generator must let that turn come.
    if (stream.closed) return new Promise((resolve) => void setImmediate(resolve));
    if (stream.write(frame(bytes))) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        stream.off('close', done);
        resolve();
      };
      stream.on('drain', done);
      stream.on('close', done);
    });
  }

  sendStatus(wanted: CallStatus, last?: Uint8Array): void {
    const { stream } = this;
    if (this.finished) return;
    this.finished = true;
    if (stream.closed || stream.destroyed) return;
    if (!this.headersSent && isUnprocessed(wanted)) {
      // Every gRPC client may send such a call again, unseen by its caller (A6).
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const status = withinLimits(wanted, this.limits);
    const trailers: OutgoingHttpHeaders = { 'grpc-status': status.code };
    if (status.details !== '') trailers['grpc-message'] = encodeMessage(status.details);
    addHttp2Headers(trailers, status.metadata);
    if (this.headersSent) {
      stream.once('wantTrailers', () => {
        this.attempt(() => stream.sendTrailers(trailers));
        this.discardRest();
      });
      if (last === undefined) stream.end();
      else stream.end(frame(last));
    } else {
      trailers[':status'] = 200;
      trailers['content-type'] = 'application/grpc+proto';
      this.attempt(() => stream.respond(trailers, RESPOND_AND_END));
      this.discardRest();
    }
  }

  /** Node throws for headers that HTTP/2 forbids: that ends the stream, not the process. */
  private attempt(send: () => void): void {
    try {
      send();
    } catch {
      this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  /** Asks the client to stop sending a request that nobody reads (RFC 9113, section 8.1). */
  private discardRest(): void {
    const { stream } = this;
    stream.resume();
    if (this.requestEnded || stream.readableEnded) return;
    // In the same turn the reset would overtake the trailers.
    setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  /** Listens only once somebody wants the request: a call refused early reads nothing. */
  private flow(): void {
    const { stream } = this;
    if (!this.flowing) {
      this.flowing = true;
      stream.on('data', (chunk: Buffer) => this.data(chunk));
      stream.on('end', () => this.end());
    } else {
      stream.resume();
    }
  }

  private data(chunk: Buffer): void {
    if (this.finished) return;
    try {
      for (const part of this.deframer.push(chunk)) this.queue.push(part);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.deliver();
    if (!this.wanted || this.inflating) this.stream.pause();
  }

  private end(): void {
    // Node ends the reading side of a stream that was cut off, too: `closed` tells of that.
    if (this.stream.aborted) return;
    this.requestEnded = true;
    if (this.deframer.partial) {
      const details = 'The request ended in the middle of a message';
      this.fail(new FramingError({ code: Status.INTERNAL, details }));
      return;
    }
    this.deliver();
  }

  /** Hands out what was asked for, one message a pull. */
  private deliver(): void {
    // A receiver asks for the next message while it is given one; the loop below sees that.
    if (this.delivering) return;
    this.delivering = true;
    while (this.wanted && !this.inflating && !this.finished && this.deliverOne());
    this.delivering = false;
  }

  private deliverOne(): boolean {
    const next = this.queue.shift();
    if (next === undefined && !this.requestEnded) return false;
    this.wanted = false;
    if (next === undefined) this.receiver?.halfClose();
    else if (next.compressed) this.inflate(next.bytes);
    else this.receiver?.message(next.bytes);
    return next !== undefined;
  }

  private inflate(bytes: Uint8Array): void {
    this.inflating = true;
    const encoding = this.requestHeaders['grpc-encoding'] as string | undefined;
    decompress(bytes, encoding, this.limits.messageBytes).then(
      (message) => {
        this.inflating = false;
        this.receiver?.message(message, bytes.length);
        this.deliver();
        if (this.wanted) this.flow();
      },
      (error: unknown) => this.fail(error),
    );
  }

  private fail(error: unknown): void {
    const status =
      error instanceof FramingError
        ? error.status
        : { code: Status.INTERNAL, details: describe(error) };
    this.receiver?.failed(status);
  }

  private closed(): void {
    this.connection.callEnded();
    if (this.finished) return;
    this.finished = true;
    const details =
      this.stream.rstCode === constants.NGHTTP2_CANCEL
        ? 'The client cancelled the call'
        : 'The connection to the client was lost';
    this.receiver?.failed({ code: Status.CANCELLED, details });
  }
}

function ignore(): void {
  // A stream that fails also closes, which is handled; without a listener it would end the process.
}
