import { randomUUID } from 'node:crypto';

import { Metadata } from 'nice-grpc-common';

import { isAsyncIterable } from '../core/async-iterable.ts';
import type { Handler } from '../core/interceptor.ts';
import type { Payload } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import { OK, Status } from '../core/status.ts';
import type { ServerWire } from '../core/transport.ts';
import { mapError } from '../interceptors/error-mapping.ts';
import { IN_CONTEXT } from '../interceptors/server-context.ts';

/** Runs a call through its stack, sends what comes out, and ends the call. */
export function serve(call: ServerCall, wire: ServerWire, handler: Handler<ServerCall>): void {
  call.server?.add(call);
  // An expired or abandoned call is answered at once, whatever its handler still does.
  call.onCancel((status) => {
    if (call.ended !== undefined) return;
    call.failed(status);
    finish(call, wire, status);
  });
  const failed = (error: unknown): void => finish(call, wire, mapError(call, error));
  try {
    handler(call)
      .then((payload) => send(call, wire, payload))
      .catch(failed);
  } catch (error) {
    failed(error);
  }
}

function send(call: ServerCall, wire: ServerWire, payload: Payload): Promise<void> | undefined {
  if (call.ended !== undefined) {
    if (call.method.responseStream) dismiss(payload);
    return undefined;
  }
  if (!call.method.responseStream) {
    const bytes = encode(call, payload);
    call.sendHeaders();
    finish(call, wire, OK, bytes);
    return undefined;
  }
  const inContext = call.get(IN_CONTEXT);
  if (inContext === undefined) return pump(call, wire, payload);
  // A generator runs in the context of whoever asks for its next value: that must be the call's.
  return inContext(() => pump(call, wire, payload));
}

async function pump(call: ServerCall, wire: ServerWire, payload: Payload): Promise<void> {
  const iterator = iterate(call, payload);
  let done = false;
  call.onEnd(() => {
    if (!done) stopInContext(call, iterator);
  });
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) break;
    if (call.ended !== undefined) return;
    const bytes = encode(call, next.value);
    call.sendHeaders();
    const room = wire.sendMessage(bytes);
    if (room !== undefined) await room;
    if (call.ended !== undefined) return;
  }
  done = true;
  finish(call, wire, OK);
}

/** Ends the call on the wire and for everyone who waits for its end. */
function finish(call: ServerCall, wire: ServerWire, status: CallStatus, last?: Uint8Array): void {
  if (call.ended !== undefined) return;
  // A stream without messages has headers, too, where its handler has set some.
  if (status.code === Status.OK && call.hasResponseHeader && !isEmpty(call.responseHeader)) {
    call.sendHeaders();
  }
  const ended = { ...status, metadata: trailers(call, status) };
  wire.sendStatus(ended, last);
  call.server?.remove(call);
  call.end(ended);
}

function isEmpty(metadata: Metadata): boolean {
  for (const _pair of metadata) return false;
  return true;
}

/**
 * What goes out with the status: the error's own metadata, before the handler's trailers, before
 * headers that a failed call has not sent. Headers of their own would commit the client to this
 * attempt (A6): a failure without a message is told by trailers alone, and may be retried.
 */
function trailers(call: ServerCall, status: CallStatus): Metadata | undefined {
  const unsent = status.code !== Status.OK && !call.headersSent && call.hasResponseHeader;
  const trailer = call.hasResponseTrailer ? call.responseTrailer : undefined;
  const own = unsent ? merge(call.responseHeader, trailer) : trailer;
  return merge(own, status.metadata);
}

function merge(weaker: Metadata | undefined, stronger: Metadata | undefined): Metadata | undefined {
  if (weaker === undefined || stronger === undefined) return stronger ?? weaker;
  const merged = Metadata(weaker);
  for (const [key, values] of stronger) merged.set(key, values);
  return merged;
}

function encode(call: ServerCall, message: unknown): Uint8Array {
  call.tapResponse(message);
  try {
    const bytes = call.method.response.encode(message);
    call.sentBytes += bytes.length;
    return bytes;
  } catch (error) {
    const { logger } = call.runtime;
    const errorId = randomUUID();
    logger.error({ err: error, errorId, method: call.path }, 'a response cannot be encoded');
    const details = `The handler's response cannot be encoded: error ${errorId}`;
    throw new StatusError({ code: Status.INTERNAL, details });
  }
}

function iterate(call: ServerCall, payload: Payload): AsyncIterator<unknown> {
  if (isAsyncIterable(payload)) return payload[Symbol.asyncIterator]();
  const { logger } = call.runtime;
  logger.error({ method: call.path }, 'a streaming handler returned no async iterable');
  const details = 'The handler returned no stream: write it as an async generator';
  throw new StatusError({ code: Status.INTERNAL, details });
}

/** A call ended before its handler had made its stream: the stream is closed unread. */
function dismiss(payload: Payload): void {
  const iterator = (payload as AsyncIterable<unknown> | undefined)?.[Symbol.asyncIterator]?.();
  iterator?.return?.()?.catch(() => undefined);
}

/** What a generator does in its `finally` belongs to its call, whoever ended that. */
function stopInContext(call: ServerCall, iterator: AsyncIterator<unknown>): void {
  const inContext = call.get(IN_CONTEXT);
  if (inContext === undefined) stop(call, iterator);
  else inContext(() => stop(call, iterator));
}

function stop(call: ServerCall, iterator: AsyncIterator<unknown>): void {
  iterator.return?.()?.catch((error: unknown) => {
    call.runtime.logger.warn(
      { err: error, method: call.path },
      'a handler failed while it was ended',
    );
  });
}
