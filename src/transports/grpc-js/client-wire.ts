import type { Metadata as GrpcMetadata, StatusObject } from '@grpc/grpc-js';
import * as grpc from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import { formatTimeout } from '../../core/deadline.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { ClientWire, Exchange } from '../exchange.ts';
import { isProtocolHeader } from '../metadata.ts';

type GrpcCall = ReturnType<grpc.Channel['createCall']>;

/**
 * A grpc-js call as a wire. It is grpc-js's own low-level call, without the client class and its
 * interceptors above it: that is where inboard makes up for the cost of its own stack.
 */
export class GrpcJsWire implements ClientWire {
  private readonly call: GrpcCall;
  private readonly exchange: Exchange;
  /** Lets the one write that is under way go on; a call that is over calls no write back. */
  private written: (() => void) | undefined = undefined;

  constructor(call: GrpcCall, clientCall: ClientCall, exchange: Exchange) {
    this.call = call;
    this.exchange = exchange;
    call.start(outgoingMetadata(clientCall), this);
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
  }

  onReceiveMetadata(metadata: GrpcMetadata): void {
    this.exchange.headers(() => incomingMetadata(metadata));
  }

  onReceiveMessage(message: Buffer): void {
    this.exchange.message(message);
  }

  onReceiveStatus(status: StatusObject): void {
    this.written?.();
    const { code, details, metadata } = status;
    this.exchange.status({ code, details }, () => incomingMetadata(metadata));
  }
}

function outgoingMetadata(call: ClientCall): GrpcMetadata {
  const metadata = new grpc.Metadata();
  if (call.deadline !== Number.POSITIVE_INFINITY) {
    metadata.set('grpc-timeout', formatTimeout(call.deadline - call.runtime.clock.now()));
  }
  if (!call.hasHeaders) return metadata;
  for (const [name, values] of call.headers) {
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
