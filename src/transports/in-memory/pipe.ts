import { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import { formatTimeout } from '../../core/deadline.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Dispatch, Limits, Peer, ServerWire, WireReceiver } from '../../core/transport.ts';
import type { ClientWire, Exchange } from '../exchange.ts';
import { refuseSizeOf, withinLimits } from '../metadata.ts';
import { isUnprocessed } from '../unprocessed.ts';
import { Lane } from './lane.ts';

const PEER: Peer = { address: 'in-memory', secure: false, certificate: undefined };

interface Target {
  readonly limits: Limits;
  readonly dispatch: Dispatch;
}

/** The client's end of a call in memory, which can be torn off as a broken connection does. */
export interface ClientEnd extends ClientWire {
  drop(status: CallStatus): void;
}

/** Opens both ends of one call. What one end does, the other hears in a later turn. */
export function openPipe(
  call: ClientCall,
  exchange: Exchange,
  target: Target,
  authority: string,
): ClientEnd {
  const requests = new Lane();
  const responses = new Lane();
  const server = new InMemoryServerWire(call, exchange, target, authority, requests, responses);
  setImmediate(() => server.arrive());
  return {
    sendMessage: (bytes) => {
      const copy = bytes.slice();
      return requests.message(() => server.request(copy));
    },
    halfClose: () => requests.control(() => server.halfClose()),
    pull: () => responses.pull(),
    cancel: () => server.gone('The client cancelled the call'),
    drop: (status) => {
      server.gone('The connection to the client was lost');
      exchange.status(status);
    },
  };
}

class InMemoryServerWire implements ServerWire {
  readonly path: string;
  readonly authority: string;
  readonly peer = PEER;
  readonly timeout: string | undefined;
  readonly refused: CallStatus | undefined;
  private readonly sent: Metadata;
  private readonly exchange: Exchange;
  private readonly target: Target;
  private readonly requests: Lane;
  private readonly responses: Lane;
  private receiver: WireReceiver | undefined = undefined;
  private over = false;
  private headersSent = false;

  constructor(
    call: ClientCall,
    exchange: Exchange,
    target: Target,
    authority: string,
    requests: Lane,
    responses: Lane,
  ) {
    this.path = call.method.path;
    this.authority = authority;
    this.exchange = exchange;
    this.target = target;
    this.requests = requests;
    this.responses = responses;
    this.sent = Metadata(exchange.outgoing);
    this.timeout =
      call.deadline === Number.POSITIVE_INFINITY
        ? undefined
        : formatTimeout(call.deadline - call.runtime.clock.now());
    this.refused = refuseSizeOf('of the request', this.sent, target.limits);
  }

  /** The call reaches the server, unless its client left before. */
  arrive(): void {
    if (!this.over) this.target.dispatch(this);
  }

  request(bytes: Uint8Array): void {
    const { messageBytes } = this.target.limits;
    if (bytes.length <= messageBytes) {
      this.receiver?.message(bytes);
      return;
    }
    const details = `A message of ${bytes.length} bytes is over the limit of ${messageBytes}`;
    this.receiver?.failed({ code: Status.RESOURCE_EXHAUSTED, details });
  }

  halfClose(): void {
    this.receiver?.halfClose();
  }

  gone(details: string): void {
    if (this.over) return;
    this.close();
    setImmediate(() => this.receiver?.failed({ code: Status.CANCELLED, details }));
  }

  readHeaders(): Metadata {
    return this.sent;
  }

  receive(receiver: WireReceiver): void {
    this.receiver = receiver;
  }

  pull(): void {
    this.requests.pull();
  }

  sendHeaders(metadata: Metadata | undefined): void {
    if (this.over) return;
    const refusal =
      metadata && refuseSizeOf('of the response headers', metadata, this.target.limits);
    if (refusal !== undefined) {
      this.sendStatus(refusal);
      return;
    }
    this.headersSent = true;
    const copy = Metadata(metadata);
    this.responses.control(() => this.exchange.headers(() => copy));
  }

  sendMessage(bytes: Uint8Array): Promise<void> | undefined {
    const copy = bytes.slice();
    return this.responses.message(() => this.exchange.message(copy));
  }

  sendStatus(status: CallStatus, last?: Uint8Array): void {
    if (this.over) return;
    this.over = true;
    if (last !== undefined) void this.sendMessage(last);
    const { code, details, metadata } = withinLimits(status, this.target.limits);
    const copy = Metadata(metadata);
    const processed = !this.headersSent && isUnprocessed(status) ? 'no' : 'unknown';
    this.responses.control(() => {
      this.requests.close();
      this.exchange.status({ code, details, processed }, () => copy);
    });
  }

  private close(): void {
    this.over = true;
    this.requests.close();
    this.responses.close();
  }
}
