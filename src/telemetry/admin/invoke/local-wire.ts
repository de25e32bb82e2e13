import type { Metadata } from 'nice-grpc-common';

import type { CallStatus } from '../../../core/status.ts';
import { Status } from '../../../core/status.ts';
import type { Limits, Peer, ServerWire, WireReceiver } from '../../../core/transport.ts';

/** Messages of a response that are kept. */
const KEPT = 100;

/** Bytes of a response that are kept. */
const KEPT_BYTES = 4 * 1024 * 1024;

const PEER: Peer = Object.freeze({
  address: 'admin-console',
  secure: false,
  certificate: undefined,
});

/** A call as it goes out. */
export interface LocalRequest {
  readonly path: string;
  readonly metadata: Metadata;
  readonly messages: readonly Uint8Array[];
  readonly timeoutMs: number;
  /** The server's, which its transport would see to. */
  readonly limits: Limits;
}

/** What came back. */
export interface LocalResponse {
  readonly status: CallStatus;
  readonly messages: readonly Uint8Array[];
  /** Messages that were not kept. */
  readonly dropped: number;
  readonly header: Metadata | undefined;
}

/** The wire of a call that goes nowhere: its client is in the same process. */
export class LocalWire implements ServerWire {
  readonly path: string;
  readonly authority = 'localhost';
  readonly peer: Peer = PEER;
  readonly timeout: string;
  readonly refused: CallStatus | undefined;
  /** Resolves once the call is over. */
  readonly response: Promise<LocalResponse>;
  private readonly metadata: Metadata;
  private readonly limits: Limits;
  private readonly requests: Uint8Array[];
  private readonly resolve: (response: LocalResponse) => void;
  private readonly messages: Uint8Array[] = [];
  private keptBytes = 0;
  private dropped = 0;
  private header: Metadata | undefined = undefined;
  private receiver: WireReceiver | undefined = undefined;

  constructor({ path, metadata, messages, timeoutMs, limits }: LocalRequest) {
    this.path = path;
    this.limits = limits;
    this.refused = refuseMetadata(metadata, limits);
    this.metadata = metadata;
    this.requests = [...messages];
    this.timeout = `${Math.ceil(timeoutMs)}m`;
    const { promise, resolve } = Promise.withResolvers<LocalResponse>();
    this.response = promise;
    this.resolve = resolve;
  }

  readHeaders(): Metadata {
    return this.metadata;
  }

  receive(receiver: WireReceiver): void {
    this.receiver = receiver;
  }

  /** In a turn of its own, as from a socket: whoever pulls is not called back while it does. */
  pull(): void {
    setImmediate(() => {
      const message = this.requests.shift();
      if (message === undefined) this.receiver?.halfClose();
      else this.request(message);
    });
  }

  sendHeaders(metadata: Metadata | undefined): void {
    this.header = metadata;
  }

  /** Waits a turn for each, for a stream without end must not hold up the process. */
  sendMessage(bytes: Uint8Array): Promise<void> {
    this.keep(bytes);
    return new Promise((resolve) => void setImmediate(resolve));
  }

  sendStatus(status: CallStatus, last?: Uint8Array): void {
    if (last !== undefined) this.keep(last);
    const { messages, dropped, header } = this;
    this.resolve({ status, messages, dropped, header });
  }

  /** Ends the call as a client does that goes away. */
  cancel(status: CallStatus): void {
    this.receiver?.failed(status);
  }

  private request(message: Uint8Array): void {
    const { messageBytes } = this.limits;
    if (message.length <= messageBytes) {
      this.receiver?.message(message);
      return;
    }
    const details = `A message of ${message.length} bytes is over the limit of ${messageBytes}`;
    this.cancel({ code: Status.RESOURCE_EXHAUSTED, details });
  }

  private keep(bytes: Uint8Array): void {
    if (this.messages.length < KEPT && this.keptBytes + bytes.length <= KEPT_BYTES) {
      this.keptBytes += bytes.length;
      // An encoder may use its memory again.
      this.messages.push(bytes.slice());
      return;
    }
    this.dropped++;
    const details = `A response is shown up to ${KEPT} messages or ${KEPT_BYTES} bytes`;
    this.cancel({ code: Status.CANCELLED, details });
  }
}

/** Says why metadata is refused, or undefined; its size is reckoned as on a wire (RFC 9113, 6.5.2). */
function refuseMetadata(metadata: Metadata, limits: Limits): CallStatus | undefined {
  let bytes = 0;
  let pairs = 0;
  for (const [name, values] of metadata) {
    for (const value of values) {
      pairs++;
      const isText = typeof value === 'string';
      bytes += name.length + (isText ? value.length : Math.ceil(value.length / 3) * 4) + 32;
    }
  }
  const { metadataBytes, metadataPairs } = limits;
  if (bytes <= metadataBytes && pairs <= metadataPairs) return undefined;
  const details =
    bytes > metadataBytes
      ? `The metadata of the request takes ${bytes} bytes; the limit is ${metadataBytes}`
      : `The metadata of the request has ${pairs} pairs; the limit is ${metadataPairs}`;
  return { code: Status.RESOURCE_EXHAUSTED, details };
}
