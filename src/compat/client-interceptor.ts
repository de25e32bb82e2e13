import { AsyncLocalStorage } from 'node:async_hooks';

import type { CallOptions, ClientMiddleware } from 'nice-grpc-common';

import type { Handler, Interceptor, Method, Payload } from '../index.ts';
import { ClientCall, createRuntime, Metadata, Status } from '../index.ts';
import { errorForMiddleware, errorForStack, statusOf } from './client-errors.ts';
import { EXTENSIONS, extensionsOf } from './client-middleware.ts';
import type { MiddlewareGenerator } from './drive.ts';
import { MiddlewareStream, singleResponse, tapped, within } from './drive.ts';
import type { InterceptorOptions } from './nice-method.ts';
import { bindOnce } from './nice-method.ts';

type Next = (request: unknown, options: CallOptions) => MiddlewareGenerator;

/**
 * Makes a nice-grpc client middleware of an interceptor. It is bound once per method; a deadline
 * that it sets is sent as `grpc-timeout`, but only the interceptor that set it ends the call then.
 *
 * What nice-grpc does not tell does not carry over: `processed` is always `'unknown'`, messages
 * cannot be encoded or measured, `waitForReady` and `timeoutMs` have no effect.
 */
export function toNiceGrpcClientMiddleware(
  interceptor: Interceptor<ClientCall>,
  options: InterceptorOptions = {},
): ClientMiddleware {
  const { runtime = createRuntime() } = options;
  // nice-grpc hands out another `next` with each call, while an interceptor is bound once and may
  // make calls of its own: what it calls finds its way back by the asynchronous context.
  const current = new AsyncLocalStorage<Next>();
  const bound = bindOnce<Handler<ClientCall>>(interceptor, (call) => callNext(call, current));
  const middleware = async function* (
    niceCall: Parameters<ClientMiddleware>[0],
    given: CallOptions,
  ): MiddlewareGenerator {
    const { method, handler } = bound(niceCall.method);
    const call = new ClientCall(method, runtime, niceCall.request);
    applyOptions(call, given);
    try {
      const inside = current.run(niceCall.next, () => AsyncLocalStorage.snapshot());
      const payload = await inside(() => handler(call));
      if (!method.responseStream) {
        call.end(OK);
        return payload;
      }
      yield* within(inside, payload as AsyncIterable<unknown>);
      call.end(OK);
      return undefined;
    } catch (error) {
      call.end(statusOf(error));
      throw errorForMiddleware(error, call, given.signal);
    } finally {
      // Reached unended only when the caller left the stream.
      call.end({ code: Status.CANCELLED, details: 'The caller stopped reading the response' });
    }
  };
  return middleware as ClientMiddleware;
}

const OK = { code: Status.OK, details: '' };

function applyOptions(call: ClientCall, given: CallOptions): void {
  const { metadata, signal } = given;
  if (metadata !== undefined) call.headers = Metadata(metadata);
  call.set(EXTENSIONS, extensionsOf(given));
  call.onResponseHeader((header) => given.onHeader?.(header));
  call.onEnd(() => given.onTrailer?.(call.responseTrailer));
  if (signal !== undefined) call.follow(signal);
}

/** The innermost handler: nice-grpc's own. */
function callNext(call: ClientCall, current: AsyncLocalStorage<Next>): Promise<Payload> {
  const next = current.getStore();
  if (next === undefined) throw new Error('An interceptor went on outside of its call');
  const { method } = call;
  const opened = Promise.withResolvers<undefined>();
  const generator = next(
    requestOf(call, method),
    optionsOf(call, () => opened.resolve(undefined)),
  );
  const translate = (error: unknown): unknown => errorForStack(error, call);
  if (!method.responseStream) {
    return singleResponse(generator, method).then(
      (message) => {
        call.tapResponse(message);
        return message;
      },
      (error: unknown) => {
        throw translate(error);
      },
    );
  }
  const seen = tapped(generator, (message) => call.tapResponse(message));
  const details = 'The caller stopped reading the response';
  const interrupt = (): void => call.cancel({ code: Status.CANCELLED, details });
  return new MiddlewareStream(seen, method, { translate, interrupt }).open(opened.promise);
}

function requestOf(call: ClientCall, method: Method): unknown {
  if (method.requestStream) {
    return tapped(call.request as AsyncIterable<unknown>, (message) => call.tapRequest(message));
  }
  call.tapRequest(call.request);
  return call.request;
}

function optionsOf(call: ClientCall, opened: () => void): CallOptions {
  const metadata = Metadata(call.hasHeaders ? call.headers : undefined);
  const timeoutMs = call.deadline - call.runtime.clock.now();
  if (timeoutMs !== Number.POSITIVE_INFINITY) metadata.set('grpc-timeout', timeoutText(timeoutMs));
  return {
    ...call.get(EXTENSIONS),
    metadata,
    signal: call.signal,
    onHeader(header) {
      call.readResponseHeader(() => header);
      call.tellResponseHeader();
      opened();
    },
    onTrailer: (trailer) => call.readResponseTrailer(() => trailer),
  };
}

/** `grpc-timeout` holds 8 digits: milliseconds last for a day, seconds for three years. */
function timeoutText(timeoutMs: number): string {
  const wholeMs = Math.max(0, Math.ceil(timeoutMs));
  if (wholeMs <= 99_999_999) return `${wholeMs}m`;
  return `${Math.min(99_999_999, Math.ceil(wholeMs / 1000))}S`;
}
