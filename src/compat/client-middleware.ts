import type { CallOptions, ClientMiddleware, ClientMiddlewareCall } from 'nice-grpc-common';

import type { CallKey, ClientCall, Handler, Interceptor, Method } from '../index.ts';
import { AttemptCall, callKey, Metadata, Status } from '../index.ts';
import { errorForMiddleware, errorForStack, statusOf } from './client-errors.ts';
import type { MiddlewareGenerator } from './drive.ts';
import { MiddlewareStream, singleResponse } from './drive.ts';
import { checkRequest, descriptorOf } from './nice-method.ts';

/** Options beyond nice-grpc's own that one middleware hands to those below it. */
export const EXTENSIONS: CallKey<object> = callKey<object>('nice-grpc options', {});

/**
 * Makes an interceptor of a nice-grpc client middleware, for `perCall` or `perAttempt`.
 *
 * - Each `call.next` is a call of its own below the one that the middleware was given: a
 *   middleware may try again.
 * - Options that a middleware adds to nice-grpc's (`deadline`, `retry`) cannot be given with a
 *   call of inboard's client: `options` are their values, for all calls or by method. What a
 *   middleware passes to `next` reaches the middlewares below it.
 * - A cancelled call fails with an `AbortError` there, as in nice-grpc; one that is over its
 *   deadline with a `ClientError` of DEADLINE_EXCEEDED.
 * - The caller gets an `RpcError` in any case. A `ClientError` of a class of the middleware's own
 *   is its `cause`.
 * - nice-grpc runs the middleware first that was attached last; inboard the one that stands first.
 */
export function fromNiceGrpcClientMiddleware<Ext = object, RequiredExt = object>(
  middleware: ClientMiddleware<Ext, RequiredExt>,
  options: Partial<Ext & RequiredExt> | ((method: Method) => Partial<Ext & RequiredExt>) = {},
): Interceptor<ClientCall> {
  const run = middleware as unknown as AnyMiddleware;
  return (next, method) => {
    const { requestStream, responseStream } = method;
    const facts = { method: descriptorOf(method), requestStream, responseStream };
    const extensions: object = typeof options === 'function' ? options(method) : options;
    return (call) => {
      const opened = Promise.withResolvers<undefined>();
      const passOn = (request: unknown, given: CallOptions): MiddlewareGenerator => {
        const start = (): AttemptCall => startAttempt(call, request, given);
        return runAttempt(start, next, call, given.signal, () => opened.resolve(undefined));
      };
      const generator = run(
        { ...facts, request: call.request, next: passOn } as never,
        optionsOf(call, extensions),
      );
      const translate = (error: unknown): unknown => errorForStack(error, call);
      if (!responseStream) {
        return singleResponse(generator, method).catch((error: unknown) => {
          throw translate(error);
        });
      }
      const interrupt = (): void => call.cancel(ABANDONED);
      return new MiddlewareStream(generator, method, { translate, interrupt }).open(opened.promise);
    };
  };
}

const ABANDONED = { code: Status.CANCELLED, details: 'The caller stopped reading the response' };

type AnyMiddleware = (
  call: ClientMiddlewareCall<unknown, unknown>,
  options: CallOptions,
) => MiddlewareGenerator;

/** What the middleware is given; what it does not hand on is not told to the caller. */
function optionsOf(call: ClientCall, extensions: object): CallOptions {
  return {
    ...extensions,
    ...call.get(EXTENSIONS),
    metadata: call.headers,
    signal: call.signal,
    onHeader(header) {
      call.readResponseHeader(() => header);
      call.tellResponseHeader();
    },
    onTrailer: (trailer) => call.readResponseTrailer(() => trailer),
  };
}

function startAttempt(parent: ClientCall, request: unknown, options: CallOptions): AttemptCall {
  checkRequest(parent.method, request);
  const { metadata, signal } = options;
  const attempt = new AttemptCall(parent, request);
  // A copy: what the layers below add to one attempt must not be on the next one already.
  attempt.headers = Metadata(metadata);
  attempt.set(EXTENSIONS, extensionsOf(options));
  // The layers above see what came in any case; the caller only what the middleware hands on.
  attempt.onResponseHeader((header) => {
    parent.readResponseHeader(() => header);
    options.onHeader?.(header);
  });
  attempt.onEnd(() => {
    const trailer = attempt.responseTrailer;
    parent.readResponseTrailer(() => trailer);
    options.onTrailer?.(trailer);
  });
  if (signal !== undefined && signal !== parent.signal) attempt.follow(signal);
  return attempt;
}

const STANDARD: ReadonlySet<string> = new Set(['metadata', 'signal', 'onHeader', 'onTrailer']);

/** The options that are not nice-grpc's own. */
export function extensionsOf(options: CallOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !STANDARD.has(key)));
}

/** One `next` of the middleware, from the start of its call to its end. */
async function* runAttempt(
  start: () => AttemptCall,
  next: Handler<ClientCall>,
  parent: ClientCall,
  signal: AbortSignal | undefined,
  opened: () => void,
): MiddlewareGenerator {
  const attempt = start();
  try {
    const payload = await next(attempt);
    opened();
    if (parent.method.responseStream) yield* payload as AsyncIterable<unknown>;
    attempt.end({ code: Status.OK, details: '' });
    return parent.method.responseStream ? undefined : payload;
  } catch (error) {
    attempt.end(statusOf(error));
    throw errorForMiddleware(error, parent, signal);
  } finally {
    // Reached unended only when the middleware left the stream.
    attempt.end(ABANDONED);
  }
}
