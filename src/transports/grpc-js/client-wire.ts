import type { Metadata as GrpcMetadata, StatusObject } from '@grpc/grpc-js';
import * as grpc from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import { formatTimeout } from '../../core/deadline.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Limits } from '../../core/transport.ts';
import type { ClientWire, Exchange } from '../exchange.ts';
import { isProtocolHeader, refuseSize } from '../metadata.ts';

type GrpcCall = ReturnType<grpc.Channel['createCall']>;

/**
 * A grpc-js call as a wire. It is grpc-js's own low-level call, without the client class and its
 * interceptors above it: that is where inboard makes up for the cost of its own stack.
 */
export class GrpcJsWire implements ClientWire {
  private readonly call: GrpcCall;
  private readonly exchange: Exchange;
  private readonly limits: Limits;
  /** A server that sent headers has seen the call, whatever its status says. */
  private headersSeen = false;
  /** Lets the one write that is under way go on; a call that is over calls no write back. */
  private written: (() => void) | undefined = undefined;

  constructor(call: GrpcCall, clientCall: ClientCall, exchange: Exchange, limits: Limits) {
    this.call = call;
    this.exchange = exchange;
    this.limits = limits;
    call.start(outgoingMetadata(clientCall, exchange.outgoing), this);
  }

  sendMessage(bytes: Uint8Array): Promise<void> | undefined {
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!this.exchange.streamsRequests) {
      this.call.sendMessageWithContext({}, message);
      return undefined;
    }
    return new Promise((resolve) => {
      this.written = resolve;
      this.call.sendMessageWithContext({ callback: () => resolve() }, message);
    });
  }

  halfClose(): void {
    this.call.halfClose();
  }

  pull(): void {
    this.call.startRead();
  }

  cancel(status: CallStatus): void {
    this.call.cancelWithStatus(Status.CANCELLED, status.details);
    // grpc-js opens the stream some microtasks after the start, also of a call that was cancelled
    // by then, and resets it only when it is told again: else it would stay open at the server.
    setImmediate(() => this.call.cancelWithStatus(Status.CANCELLED, status.details));
  }

  onReceiveMetadata(metadata: GrpcMetadata): void {
    this.headersSeen = true;
    const refusal = refuseIncoming('response headers', metadata, this.limits);
    if (refusal === undefined) this.exchange.headers(() => incomingMetadata(metadata));
    else this.exchange.cancel(refusal);
  }

  onReceiveMessage(message: Buffer): void {
    this.exchange.message(message);
  }

  onReceiveStatus(status: StatusObject): void {
    this.written?.();
    const { details, metadata } = status;
    const code = knownCode(status.code);
    const refusal = refuseIncoming('response trailers', metadata, this.limits);
    if (refusal === undefined) {
      const processed = !this.headersSeen && wasRefused(status) ? 'no' : 'unknown';
      const cause = overOwnLimit(status) ? new RangeError(details) : undefined;
      this.exchange.status({ code, details, processed, cause }, () => incomingMetadata(metadata));
    } else {
      // An error stays the error it is, without its oversized details.
      this.exchange.status(code === Status.OK ? refusal : { code, details });
    }
  }
}

/** A code that is none, or that gRPC does not know, is UNKNOWN (gRPC's statuscodes.md). */
function knownCode(code: number): Status {
  return code in Status ? code : Status.UNKNOWN;
}

/**
 * grpc-js tells by these words alone that no server has processed a call: one refused the stream,
 * or the connection went and no other could be had. A server's own words never come without any
 * metadata before headers did. Tests pin both.
 */
function wasRefused({ code, details, metadata }: StatusObject): boolean {
  const said =
    details === 'Stream refused by server' || details.startsWith('No connection established');
  return code === grpc.status.UNAVAILABLE && said && isEmpty(metadata);
}

/**
 * grpc-js tells by these words that a response is over the limit of this side. A server of grpc-js
 * says the same of a request that is over its own, which is no want of room there either.
 */
function overOwnLimit({ code, details }: StatusObject): boolean {
  if (code !== grpc.status.RESOURCE_EXHAUSTED) return false;
  return /^Received message (?:larger than|that decompresses to)/.test(details);
}

function isEmpty(metadata: GrpcMetadata): boolean {
  return Object.keys(metadata.toJSON()).length === 0;
}

function refuseIncoming(
  what: string,
  metadata: GrpcMetadata,
  limits: Limits,
): CallStatus | undefined {
  let bytes = 0;
  let pairs = 0;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) {
      pairs++;
      bytes += name.length + value.length + 32;
    }
  }
  const refusal = refuseSize(`of the ${what}`, bytes, pairs, limits);
  if (refusal === undefined) return undefined;
  return { ...refusal, processed: 'unknown', cause: new RangeError(refusal.details) };
}

function outgoingMetadata(call: ClientCall, headers: Metadata | undefined): GrpcMetadata {
  const metadata = new grpc.Metadata();
  if (call.deadline !== Number.POSITIVE_INFINITY) {
    metadata.set('grpc-timeout', formatTimeout(call.deadline - call.runtime.clock.now()));
  }
  if (headers === undefined) return metadata;
  for (const [name, values] of headers) {
    for (const value of values) {
      metadata.add(name, typeof value === 'string' ? value : Buffer.from(value));
    }
  }
  return metadata;
}

function incomingMetadata(metadata: GrpcMetadata): Metadata {
  const converted = Metadata();
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (isProtocolHeader(name)) continue;
    for (const value of values) converted.append(name, value);
  }
  return converted;
}
