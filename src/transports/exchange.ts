import { isAsyncIterable } from '../core/async-iterable.ts';
import { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../core/client-call.ts';
import { describe, RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { MessageSource } from '../core/message-stream.ts';
import { MessageStream } from '../core/message-stream.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Limits } from '../core/transport.ts';
import { refuseOutgoing } from './metadata.ts';

/**
 * How far a response stream reads ahead of its caller, in bytes: as much as a peer may have under
 * way before it is held back. grpc-js drops messages that nobody has asked for when a status other
 * than OK comes in; so a caller loses none unless more than this is unread by then.
 */
const READ_AHEAD_BYTES = 1024 * 1024;

const NO_ITERABLE: CallStatus = {
  code: Status.INVALID_ARGUMENT,
  details: 'The request of a streaming method must be an async iterable',
};

/** The client's end of one call, in bytes, as a transport provides it. */
export interface ClientWire {
  /** Returns a promise when the peer must be waited for, undefined when there is room. */
  sendMessage(bytes: Uint8Array): Promise<void> | undefined;
  halfClose(): void;
  /** Asks for one more message. */
  pull(): void;
  /** Ends the call on the wire; the status still arrives. */
  cancel(status: CallStatus): void;
}

/**
 * One call over one wire: what all transports share. Encodes the request, decodes the response
 * and gives the four shapes their meaning.
 */
export class Exchange implements MessageSource {
  private readonly call: ClientCall;
  private wire: ClientWire | undefined = undefined;
  private resolve!: (payload: Payload) => void;
  private reject!: (error: RpcError) => void;
  private stream: MessageStream | undefined = undefined;
  private received: { readonly value: unknown } | undefined = undefined;
  private over = false;
  private maxBytes = 0;
  private stopListening: (() => void) | undefined = undefined;
  /** Set when this side ends the call, so that its reason is told and not the wire's echo. */
  private localStatus: CallStatus | undefined = undefined;

  private readonly released: () => void;

  /** What is sent as request headers: the call's, and those of this attempt alone. */
  readonly outgoing: Metadata | undefined;

  /** `released` is called once, when the wire is done with the call. */
  constructor(call: ClientCall, extra: Metadata | undefined, released: () => void) {
    this.call = call;
    this.released = released;
    this.outgoing = merge(call.hasHeaders ? call.headers : undefined, extra);
  }

  get streamsRequests(): boolean {
    return this.call.method.requestStream;
  }

  /**
   * Checks and encodes what is known before anything is sent, then opens the wire. Rejects with
   * `processed: 'no'` where nothing was.
   */
  run(open: (exchange: Exchange) => ClientWire, limits: Limits): Promise<Payload> {
    const { call } = this;
    this.maxBytes = limits.messageBytes;
    let first: Uint8Array | undefined;
    try {
      const refusal =
        call.cancelled ??
        (this.outgoing === undefined ? undefined : refuseOutgoing(this.outgoing, limits));
      if (refusal !== undefined) return this.refuseToSend(refusal);
      if (!call.method.requestStream) first = this.encode(call.request);
      else if (!isAsyncIterable(call.request)) return this.refuseToSend(NO_ITERABLE);
    } catch (error) {
      const details = `The request cannot be encoded: ${describe(error)}`;
      return this.refuseToSend({ code: Status.INTERNAL, details, cause: error });
    }
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      const wire = this.tryOpen(open);
      if (wire === undefined) return;
      this.wire = wire;
      this.stopListening = call.onCancel((status) => this.cancel(status));
      if (this.over) return;
      wire.pull();
      if (first === undefined) {
        void this.sendAll(call.request as AsyncIterable<unknown>, wire);
      } else {
        // The write's progress matters to nobody: a unary request is one message.
        void wire.sendMessage(first);
        wire.halfClose();
      }
    });
  }

  pull(): void {
    this.wire?.pull();
  }

  /** The consumer left a response stream: its call has nobody to run for. */
  abandon(): void {
    this.call.cancel({
      code: Status.CANCELLED,
      details: 'The caller stopped reading the response',
    });
  }

  /** From the wire: response headers. */
  headers(read: () => Metadata): void {
    const { call } = this;
    if (this.over) return;
    call.readResponseHeader(read);
    call.tellResponseHeader();
    if (call.method.responseStream) this.openStream();
  }

  /** From the wire: one message. */
  message(bytes: Uint8Array): void {
    const { call } = this;
    if (this.over) return;
    if (bytes.length > this.maxBytes) {
      const details = `A message of ${bytes.length} bytes is over the limit of ${this.maxBytes}`;
      // With a cause of this side: the server has turned nobody away.
      const cause = new RangeError(details);
      this.cancel({ code: Status.RESOURCE_EXHAUSTED, details, cause });
      return;
    }
    let value: unknown;
    try {
      value = call.method.response.decode(bytes);
    } catch (error) {
      const details = `The response is not a valid ${call.method.path} message: ${describe(error)}`;
      this.cancel({ code: Status.INTERNAL, details, cause: error });
      return;
    }
    call.tapResponse(value);
    if (call.method.responseStream) {
      this.openStream().push(value, bytes.length);
    } else if (this.received === undefined) {
      this.received = { value };
      this.wire?.pull();
    } else {
      this.cancel({ code: Status.INTERNAL, details: 'More than one message in a single response' });
    }
  }

  /** From the wire: the call is over. */
  status(wireStatus: CallStatus, read?: () => Metadata): void {
    if (this.over) return;
    this.over = true;
    this.stopListening?.();
    this.released();
    if (read !== undefined) this.call.readResponseTrailer(read);
    this.settle(this.localStatus ?? wireStatus);
  }

  /** This side ends the call: what the wire answers to that is its echo. */
  cancel(status: CallStatus): void {
    if (this.over) return;
    this.localStatus ??= status;
    this.wire?.cancel(status);
    this.status(status);
  }

  private settle(status: CallStatus): void {
    const { call, received } = this;
    if (status.code === Status.OK) {
      if (call.method.responseStream) {
        this.openStream().finish(status);
      } else if (received === undefined) {
        const details = 'The server ended the call with OK but sent no message';
        this.reject(new RpcError(call.method.path, { code: Status.INTERNAL, details }));
      } else {
        this.resolve(received.value);
      }
      return;
    }
    const metadata = call.hasResponseTrailer ? call.responseTrailer : undefined;
    const error = new RpcError(call.method.path, { ...status, metadata });
    if (this.stream === undefined) this.reject(error);
    else this.stream.finish(status, error);
  }

  private openStream(): MessageStream {
    if (this.stream === undefined) {
      this.stream = new MessageStream(this, READ_AHEAD_BYTES);
      this.resolve(this.stream);
    }
    return this.stream;
  }

  private encode(message: unknown): Uint8Array {
    this.call.tapRequest(message);
    const bytes = this.call.method.request.encode(message);
    this.call.sentBytes += bytes.length;
    return bytes;
  }

  /** Pumps the request stream, no faster than the peer takes it. */
  private async sendAll(requests: AsyncIterable<unknown>, wire: ClientWire): Promise<void> {
    let iterator: AsyncIterator<unknown> | undefined;
    try {
      iterator = requests[Symbol.asyncIterator]();
      // A call that ends must not wait for a request that may never come.
      this.call.onEnd(() => stopIterating(iterator));
      for (;;) {
        const next = await iterator.next();
        if (next.done === true || this.over) break;
        await wire.sendMessage(this.encode(next.value));
        if (this.over) break;
      }
      if (!this.over) wire.halfClose();
    } catch (error) {
      const details = `The request stream failed: ${describe(error)}`;
      this.cancel({ code: Status.CANCELLED, details, cause: error });
    }
  }

  private tryOpen(open: (exchange: Exchange) => ClientWire): ClientWire | undefined {
    try {
      return open(this);
    } catch (error) {
      const details = `The call cannot be started: ${describe(error)}`;
      this.status({ code: Status.UNAVAILABLE, details, processed: 'no', cause: error });
      return undefined;
    }
  }

  private refuseToSend(status: CallStatus): Promise<never> {
    this.released();
    const refused = { processed: 'no' as const, ...status };
    return Promise.reject(new RpcError(this.call.method.path, refused));
  }
}

function merge(headers: Metadata | undefined, extra: Metadata | undefined): Metadata | undefined {
  if (extra === undefined) return headers;
  if (headers === undefined) return extra;
  const merged = Metadata(headers);
  for (const [name, values] of extra) merged.set(name, values);
  return merged;
}

function stopIterating(iterator: AsyncIterator<unknown> | undefined): void {
  const stopped = iterator?.return?.();
  // A generator that throws in its `finally` has nobody left to hear it.
  stopped?.catch(() => undefined);
}
