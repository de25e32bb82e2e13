import { AsyncLocalStorage } from 'node:async_hooks';

import type { CallContext as NiceContext, Metadata, ServerMiddleware } from 'nice-grpc-common';

import type { CallContext, Handler, Interceptor, Payload } from '../index.ts';
import {
  createRuntime,
  HANDLER_CONTEXT,
  handlerContext,
  ServerCall,
  ServerError,
  Status,
  StatusError,
} from '../index.ts';
import { abortError } from './abort-error.ts';
import type { MiddlewareGenerator } from './drive.ts';
import { singleResponse, tapped, within } from './drive.ts';
import type { InterceptorOptions } from './nice-method.ts';
import { bindOnce } from './nice-method.ts';
import { errorForMiddleware } from './server-errors.ts';
import { plainContext } from './server-middleware.ts';

/** What a handler inside nice-grpc finds in its context below an interceptor. */
export type InboardContext = Omit<CallContext, keyof NiceContext>;

type Next = (request: unknown, context: NiceContext) => MiddlewareGenerator;
type Wire = ConstructorParameters<typeof ServerCall>[2];

/**
 * Makes a nice-grpc server middleware of an interceptor. It is bound once per method. Handlers
 * below it find inboard's context in theirs.
 *
 * What nice-grpc does not tell does not carry over: the deadline (there is none), the authority,
 * the client's certificate, the request before it was decoded, and calls to unknown methods.
 */
export function toNiceGrpcServerMiddleware(
  interceptor: Interceptor<ServerCall>,
  options: InterceptorOptions = {},
): ServerMiddleware<InboardContext> {
  const { runtime = createRuntime() } = options;
  // As for clients: `next` is another one with each call, the interceptor is bound once.
  const current = new AsyncLocalStorage<Next>();
  const bound = bindOnce<Handler<ServerCall>>(interceptor, (call) => callNext(call, current));
  const middleware = async function* (
    niceCall: Parameters<ServerMiddleware<InboardContext>>[0],
    context: NiceContext,
  ): MiddlewareGenerator {
    const { method, handler } = bound(niceCall.method);
    const call = makeCall(new ServerCall(method, runtime, wireOf(method.path, context)), context);
    call.request = requestOf(call, niceCall.request);
    try {
      const inside = current.run(niceCall.next as Next, () => AsyncLocalStorage.snapshot());
      const payload = await inside(() => handler(call));
      if (!method.responseStream) {
        call.end(OK);
        return payload;
      }
      yield* within(inside, payload as AsyncIterable<unknown>);
      call.end(OK);
      return undefined;
    } catch (error) {
      throw endWith(error, call, context);
    } finally {
      // Reached unended only when the client left the stream.
      call.end({ code: Status.CANCELLED, details: 'The client cancelled the call' });
    }
  };
  return middleware as ServerMiddleware<InboardContext>;
}

const OK = { code: Status.OK, details: '' };

function makeCall(call: ServerCall, context: NiceContext): ServerCall {
  call.readResponseHeader(() => context.header);
  call.readResponseTrailer(() => context.trailer);
  call.set(HANDLER_CONTEXT, { ...plainContext(call), ...context, signal: call.signal });
  const { signal } = context;
  const abort = (): void => {
    call.cancel({ code: Status.CANCELLED, details: 'The client cancelled the call' });
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  call.onEnd(() => signal.removeEventListener('abort', abort));
  return call;
}

/** The wire's side of a call whose messages nice-grpc carries. */
function wireOf(path: string, context: NiceContext): Wire {
  return {
    path,
    authority: '',
    peer: { address: context.peer, secure: false, certificate: undefined },
    timeout: undefined,
    refused: undefined,
    readHeaders: () => context.metadata,
    receive: nothing,
    pull: nothing,
    sendHeaders: () => context.sendHeader(),
    sendMessage: () => undefined,
    sendStatus: nothing,
  };
}

function nothing(): void {
  // nice-grpc's part.
}

function requestOf(call: ServerCall, request: unknown): Payload {
  const tap = (message: unknown): void => call.tapRequest(message);
  return call.method.requestStream
    ? tapped(request as AsyncIterable<unknown>, tap)
    : Promise.resolve(request);
}

/** The innermost handler: nice-grpc's own. */
async function callNext(call: ServerCall, current: AsyncLocalStorage<Next>): Promise<Payload> {
  const next = current.getStore();
  if (next === undefined) throw new Error('An interceptor went on outside of its call');
  const { method } = call;
  const request = method.requestStream ? call.request : await call.request;
  if (!method.requestStream) call.tapRequest(request);
  const generator = next(request, { ...handlerContext(call), metadata: call.headers });
  if (method.responseStream) {
    // The context that the layers have made, such as inboard's ambient one, is the handler's too.
    const inside = AsyncLocalStorage.snapshot();
    return tapped(within(inside, generator), (message) => call.tapResponse(message));
  }
  const response = await singleResponse(generator, method);
  call.tapResponse(response);
  return response;
}

/** Ends the call and says what nice-grpc is told: trailers that belong to the error go along. */
function endWith(error: unknown, call: ServerCall, context: NiceContext): unknown {
  const status = error instanceof StatusError ? error.status : undefined;
  const metadata = status?.metadata ?? (error as { metadata?: Metadata } | undefined)?.metadata;
  if (error instanceof ServerError || status !== undefined) {
    for (const [key, values] of metadata ?? []) context.trailer.set(key, values);
  }
  if (context.signal.aborted) {
    call.end(call.cancelled ?? { code: Status.CANCELLED, details: '' });
    return abortError();
  }
  const code = error instanceof ServerError ? error.code : Status.UNKNOWN;
  call.end(status ?? { code, details: String(error), cause: error });
  return errorForMiddleware(error, call);
}
