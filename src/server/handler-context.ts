import type { CallContext as CommonCallContext } from 'nice-grpc-common';

import type { CallKey } from '../core/call-key.ts';
import { callKey } from '../core/call-key.ts';
import type { Identity } from '../core/identity.ts';
import { IDENTITY } from '../core/identity.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { Peer } from '../core/transport.ts';

/** What a handler is told of its call: nice-grpc's context, and more. */
export interface CallContext extends CommonCallContext {
  readonly method: Method;
  /** Who calls; undefined without an authenticator, or for an anonymous caller. */
  readonly identity: Identity | undefined;
  /** The connection's other end, with its certificate under mTLS. */
  readonly connection: Peer;
  /** Milliseconds until the deadline; Infinity when there is none. */
  readonly remainingMs: () => number;
  /**
   * Aborts when the server drains: a stream that would go on for long ends itself then, with a
   * status that may be retried. `draining.throwIfAborted()` throws one, UNAVAILABLE. What does not
   * end is ended after the server's grace.
   */
  readonly draining: AbortSignal;
  /** The call itself, for keys that layers have set. */
  readonly call: ServerCall;
}

/**
 * A handler's view of a call: what costs something is made on first read. The properties are the
 * object's own, for services written for nice-grpc spread theirs: `{ ...context, user }`.
 */
function contextOf(call: ServerCall): CallContext {
  return {
    call,
    method: call.method,
    connection: call.peer,
    peer: call.peer.address,
    identity: call.get(IDENTITY),
    get metadata() {
      return call.headers;
    },
    get header() {
      return call.responseHeader;
    },
    get trailer() {
      return call.responseTrailer;
    },
    get signal() {
      return call.signal;
    },
    get draining() {
      return call.draining;
    },
    sendHeader: () => call.sendHeaders(),
    remainingMs: () => call.deadline - call.runtime.clock.now(),
  };
}

/** What the handler gets instead of the call's own context, for layers that add to that. */
export const HANDLER_CONTEXT: CallKey<CallContext | undefined> = callKey<CallContext | undefined>(
  'handler-context',
  undefined,
);

/** What the handler of a call is told: a layer's context, or the call's own. */
export function handlerContext(call: ServerCall): CallContext {
  return call.get(HANDLER_CONTEXT) ?? contextOf(call);
}
