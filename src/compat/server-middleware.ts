import type {
  CallContext as NiceContext,
  ServerMiddleware,
  ServerMiddlewareCall,
} from 'nice-grpc-common';

import type { CallContext, Handler, Interceptor, ServerCall } from '../index.ts';
import { HANDLER_CONTEXT, handlerContext } from '../index.ts';
import type { MiddlewareGenerator } from './drive.ts';
import { MiddlewareStream, singleResponse } from './drive.ts';
import { checkRequest, descriptorOf } from './nice-method.ts';
import { errorForMiddleware, errorForStack } from './server-errors.ts';

/**
 * Makes an interceptor of a nice-grpc server middleware, for `beforeHandler`: it reads the request,
 * which nobody may before the call is admitted.
 *
 * - The handler gets the context that the middleware hands to `next`. Metadata changed there is
 *   also what the layers below read.
 * - The first of several in a list is the outermost, as the one that nice-grpc attached first.
 * - A cancelled call is an `AbortError` there, and one that leaves the middleware is CANCELLED.
 */
export function fromNiceGrpcServerMiddleware<Ext = object, RequiredExt = object>(
  middleware: ServerMiddleware<Ext, RequiredExt>,
): Interceptor<ServerCall> {
  const run = middleware as unknown as AnyMiddleware;
  return (next, method) => {
    if (!method.known) return next;
    const { requestStream, responseStream } = method;
    const facts = { method: descriptorOf(method), requestStream, responseStream };
    return async (call) => {
      const request = requestStream ? call.request : await call.request;
      const passOn = (changed: unknown, context: NiceContext): MiddlewareGenerator => {
        return runNext(() => goOn(call, next, changed, context), call);
      };
      const generator = run({ ...facts, request, next: passOn } as never, plainContext(call));
      const translate = (error: unknown): unknown => errorForStack(error, call);
      if (responseStream) {
        return new MiddlewareStream(generator, method, { translate, interrupt: nothing });
      }
      try {
        return await singleResponse(generator, method);
      } catch (error) {
        throw translate(error);
      }
    };
  };
}

type AnyMiddleware = (
  call: ServerMiddlewareCall<unknown, unknown>,
  context: NiceContext,
) => MiddlewareGenerator;

/**
 * The context as a plain object, since middlewares spread it: a getter of a class would be lost.
 * What a layer above has put in its place is handed on as it is.
 */
export function plainContext(call: ServerCall): CallContext {
  const context = call.get(HANDLER_CONTEXT);
  if (context !== undefined) return context;
  const own = handlerContext(call);
  const { method, metadata, peer, connection, header, trailer, signal, identity } = own;
  const common = { metadata, peer, header, trailer, signal };
  return {
    ...common,
    method,
    connection,
    identity,
    get draining() {
      return own.draining;
    },
    call,
    sendHeader: () => own.sendHeader(),
    remainingMs: () => own.remainingMs(),
  };
}

function goOn(
  call: ServerCall,
  next: Handler<ServerCall>,
  request: unknown,
  context: NiceContext,
): ReturnType<Handler<ServerCall>> {
  checkRequest(call.method, request);
  call.request = call.method.requestStream ? request : Promise.resolve(request);
  if (context.metadata !== call.headers) call.headers = context.metadata;
  call.set(HANDLER_CONTEXT, context as CallContext);
  return next(call);
}

async function* runNext(
  go: () => ReturnType<Handler<ServerCall>>,
  call: ServerCall,
): MiddlewareGenerator {
  try {
    const payload = await go();
    if (!call.method.responseStream) return payload;
    yield* payload as AsyncIterable<unknown>;
    return undefined;
  } catch (error) {
    throw errorForMiddleware(error, call);
  }
}

function nothing(): void {
  // A handler that is left learns it by its signal, with or without a middleware around it.
}
