import type { CallContext as CommonCallContext, Metadata } from 'nice-grpc-common';

import type { CallKey } from '../core/call.ts';
import { callKey } from '../core/call.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { Peer } from '../core/transport.ts';
import type { Identity } from '../interceptors/authentication.ts';
import { IDENTITY } from '../interceptors/authentication.ts';

/** What a handler is told of its call: nice-grpc's context, and more. */
export interface CallContext extends CommonCallContext {
  readonly method: Method;
  /** Who calls; undefined without an authenticator, or for an anonymous caller. */
  readonly identity: Identity | undefined;
  /** The connection's other end, with its certificate under mTLS. */
  readonly connection: Peer;
  /** Milliseconds until the deadline; Infinity when there is none. */
  remainingMs(): number;
  /** The call itself, for keys that layers have set. */
  readonly call: ServerCall;
}

/** A handler's view of a call: everything is made on first read. */
export class HandlerContext implements CallContext {
  readonly call: ServerCall;

  constructor(call: ServerCall) {
    this.call = call;
  }

  get method(): Method {
    return this.call.method;
  }

  get metadata(): Metadata {
    return this.call.headers;
  }

  get peer(): string {
    return this.call.peer.address;
  }

  get connection(): Peer {
    return this.call.peer;
  }

  get header(): Metadata {
    return this.call.responseHeader;
  }

  get trailer(): Metadata {
    return this.call.responseTrailer;
  }

  get signal(): AbortSignal {
    return this.call.signal;
  }

  get identity(): Identity | undefined {
    return this.call.get(IDENTITY);
  }

  readonly sendHeader = (): void => this.call.sendHeaders();

  remainingMs(): number {
    return this.call.deadline - this.call.runtime.clock.now();
  }
}

/** What the handler gets instead of the call's own context, for layers that add to that. */
export const HANDLER_CONTEXT: CallKey<CallContext | undefined> = callKey<CallContext | undefined>(
  'handler-context',
  undefined,
);

/** What the handler of a call is told: a layer's context, or the call's own. */
export function handlerContext(call: ServerCall): CallContext {
  return call.get(HANDLER_CONTEXT) ?? new HandlerContext(call);
}
