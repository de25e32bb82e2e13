import type { MethodDescriptor } from 'nice-grpc-common';

import type { Handler, Method, Runtime, Shape } from '../index.ts';

/** What an interceptor needs that runs inside nice-grpc. */
export interface InterceptorOptions {
  /** Clock, log and ambient context of its calls. Default `createRuntime()`. */
  readonly runtime?: Runtime;
}

/** The shapes as nice-grpc names them in its errors. */
const SHAPE_NAMES: Readonly<Record<Shape, string>> = {
  unary: 'unary',
  client_stream: 'client streaming',
  server_stream: 'server streaming',
  bidi_stream: 'bidirectional streaming',
};

/** `unary method`, `client streaming method`, … */
export function nameOf(method: Method): string {
  return `${SHAPE_NAMES[method.shape]} method`;
}

/** A method as nice-grpc describes it to its middlewares. */
export function descriptorOf(method: Method): MethodDescriptor {
  const { path, requestStream, responseStream, idempotency } = method;
  const options = idempotency === undefined ? {} : { idempotencyLevel: idempotency };
  return { path, requestStream, responseStream, options };
}

/** A method as nice-grpc describes it, for interceptors. Its messages are encoded out of sight. */
export function methodOf(descriptor: MethodDescriptor): Method {
  const { path, requestStream, responseStream, options } = descriptor;
  const [, service = '', name = ''] = path.split('/');
  return {
    path,
    service,
    name,
    key: name.charAt(0).toLowerCase() + name.slice(1),
    shape: shapeOf(requestStream, responseStream),
    requestStream,
    responseStream,
    idempotency: options.idempotencyLevel,
    known: true,
    request: HIDDEN_CODEC,
    response: HIDDEN_CODEC,
  };
}

const HIDDEN_CODEC: Method['request'] = { encode: refuse, decode: refuse };

function refuse(): never {
  throw new Error('Inside nice-grpc an interceptor cannot encode or decode: nice-grpc does');
}

function shapeOf(requestStream: boolean, responseStream: boolean): Shape {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}

/** Fails as nice-grpc does when a middleware hands on a request of the wrong shape. */
export function checkRequest(method: Method, request: unknown): void {
  const streamed =
    typeof request === 'object' && request !== null && Symbol.asyncIterator in request;
  if (streamed === method.requestStream) return;
  const expected = method.requestStream ? 'a stream of messages' : 'a single message';
  throw new Error(
    `A middleware passed invalid request to next(): expected ${expected} for ${nameOf(method)}`,
  );
}

/** Binds an interceptor once per method, as a client or server of inboard does. */
export function bindOnce<H extends Handler<never>>(
  interceptor: (next: H, method: Method) => H,
  innermost: H,
): (descriptor: MethodDescriptor) => { readonly method: Method; readonly handler: H } {
  const bound = new Map<string, { readonly method: Method; readonly handler: H }>();
  return (descriptor) => {
    let entry = bound.get(descriptor.path);
    if (entry === undefined) {
      const method = methodOf(descriptor);
      entry = { method, handler: interceptor(innermost, method) };
      bound.set(descriptor.path, entry);
    }
    return entry;
  };
}
