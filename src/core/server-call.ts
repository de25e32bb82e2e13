import type { Metadata } from 'nice-grpc-common';

import { Call } from './call.ts';
import type { Draining, InFlightCall } from './draining.ts';
import { describe } from './errors.ts';
import type { MessageSource } from './message-stream.ts';
import { MessageStream } from './message-stream.ts';
import type { Method, Payload } from './method.ts';
import type { CallRuntime } from './call-runtime.ts';
import type { CallStatus } from './status.ts';
import { OK, Status } from './status.ts';
import type { Peer, ServerWire, WireReceiver } from './transport.ts';

/** How far a request stream reads ahead of its handler, in bytes: enough to keep the wire busy. */
const READ_AHEAD_BYTES = 64 * 1024;

/** What a call ends with because its server does. */
export const SHUTTING_DOWN: CallStatus = Object.freeze({
  code: Status.UNAVAILABLE,
  details: 'The server is shutting down',
});

export type BytesTap = (bytes: Uint8Array) => void;

/** Thrown inside a stack to end the call with a status: the error-mapping layer knows it. */
export class StatusError extends Error {
  readonly status: CallStatus;

  constructor(status: CallStatus) {
    super(status.details);
    this.status = status;
    // Handlers, those written for nice-grpc too, know an aborted operation by this name.
    if (status.code === Status.CANCELLED) this.name = 'AbortError';
  }
}

/** For whatever has waited: no handler starts for a call that is over meanwhile. */
export function refuseOver(call: ServerCall): void {
  const over = call.cancelled ?? call.ended;
  if (over !== undefined) throw new StatusError(over);
}

/** A call that arrived. Its request is decoded when it is first read, after admission. */
export class ServerCall extends Call implements WireReceiver, MessageSource, InFlightCall {
  /** True once response headers went out: from then on the call is committed to (A6). */
  headersSent: boolean = false;
  /** Bytes of the request messages that were read so far, as they came over the wire. */
  receivedBytes: number = 0;
  /** Bytes of the response messages that were encoded for the wire so far. */
  sentBytes: number = 0;
  private readonly wire: ServerWire;
  /** The end of the server that handles it, where it has one. */
  readonly server: Draining | undefined;
  /** Its neighbours among the calls in flight. */
  older: InFlightCall | undefined = undefined;
  newer: InFlightCall | undefined = undefined;
  private drainController: AbortController | undefined = undefined;
  private payload: Payload = undefined;
  private stream: MessageStream | undefined = undefined;
  private single: { resolve(m: unknown): void; reject(e: unknown): void } | undefined = undefined;
  private bytesTaps: BytesTap[] | undefined = undefined;
  private message_: { readonly value: unknown } | undefined = undefined;

  /** `server`: how the end of the server is known; without it, it never ends. */
  constructor(method: Method, runtime: CallRuntime, wire: ServerWire, server?: Draining) {
    super(method, runtime);
    this.wire = wire;
    this.server = server;
    wire.receive(this);
  }

  get peer(): Peer {
    return this.wire.peer;
  }

  /** The path as the client wrote it, also where no method is registered for it. */
  get path(): string {
    return this.wire.path;
  }

  get authority(): string {
    return this.wire.authority;
  }

  /** A status that refuses the call for its headers, found by the transport. */
  get refused(): CallStatus | undefined {
    return this.wire.refused;
  }

  /** The raw `grpc-timeout` header. */
  get timeout(): string | undefined {
    return this.wire.timeout;
  }

  /**
   * A promise of the one request message, or the stream of them. A layer may put another one in
   * its place for the layers below.
   */
  get request(): Payload {
    this.payload ??= this.method.requestStream ? this.openStream() : this.readSingle();
    return this.payload;
  }

  set request(payload: Payload) {
    this.payload = payload;
  }

  /**
   * Aborts when the server drains and wants this call to come to an end. Its reason is a
   * `StatusError` of UNAVAILABLE: a handler that throws it, or what an aborted operation throws,
   * ends with a status that may be retried.
   */
  get draining(): AbortSignal {
    if (this.drainController === undefined) {
      const controller = new AbortController();
      this.drainController = controller;
      const begun = this.server?.onBegin(() => controller.abort(new StatusError(SHUTTING_DOWN)));
      if (begun !== undefined) this.onEnd(begun);
    }
    return this.drainController.signal;
  }

  /** Sends the response headers, once: now rather than with the first message. */
  sendHeaders(): void {
    if (this.ended !== undefined || this.headersSent) return;
    this.headersSent = true;
    this.wire.sendHeaders(this.hasResponseHeader ? this.responseHeader : undefined);
  }

  /**
   * Shows `tap` every request message in its bytes, decompressed: one that was decoded without
   * fault. For what is told apart on the wire only, such as a field that was sent or was not.
   */
  onRequestBytes(tap: BytesTap): void {
    this.bytesTaps ??= [];
    this.bytesTaps.push(tap);
  }

  pull(): void {
    this.wire.pull();
  }

  /** The handler wants no more request messages: what still comes is left to flow control. */
  abandon(): void {}

  message(bytes: Uint8Array, wireBytes: number = bytes.length): void {
    this.receivedBytes += wireBytes;
    let decoded: unknown;
    try {
      decoded = this.method.request.decode(bytes);
    } catch (error) {
      this.failed({
        code: Status.INTERNAL,
        details: `The request is not a valid ${this.method.path} message: ${describe(error)}`,
      });
      return;
    }
    this.tapRequest(decoded);
    if (this.bytesTaps !== undefined) this.show(this.bytesTaps, bytes);
    if (this.stream !== undefined) {
      this.stream.push(decoded, bytes.length);
    } else if (this.message_ === undefined) {
      this.message_ = { value: decoded };
      this.wire.pull();
    } else {
      this.failed({ code: Status.INTERNAL, details: 'More than one message in a unary request' });
    }
  }

  halfClose(): void {
    const { stream } = this;
    if (stream !== undefined) {
      // A client on Node that cancels ends its request before it resets the stream. Its reset is
      // here by the next turn: what was cut off must not pass for a whole request.
      setImmediate(() => stream.finish(OK));
    } else if (this.message_ !== undefined) {
      this.single?.resolve(this.message_.value);
    } else {
      this.failed({ code: Status.INTERNAL, details: 'The request ended without a message' });
    }
  }

  failed(status: CallStatus): void {
    this.cancel(status);
    const error = new StatusError(status);
    this.stream?.finish(status, error);
    this.single?.reject(error);
  }

  /** Every request has some, read or not. */
  override get hasHeaders(): boolean {
    return true;
  }

  protected override makeHeaders(): Metadata {
    return this.wire.readHeaders();
  }

  private openStream(): MessageStream {
    this.stream = new MessageStream(this, READ_AHEAD_BYTES);
    if (this.cancelled !== undefined) this.failed(this.cancelled);
    return this.stream;
  }

  private readSingle(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.single = { resolve, reject };
      if (this.cancelled !== undefined) reject(new StatusError(this.cancelled));
      else this.wire.pull();
    });
  }
}
