import type { MetadataInit } from 'nice-grpc-common';
import { Metadata } from 'nice-grpc-common';

import type { Channel } from '../channel/channel.ts';
import { ClientCall } from '../core/client-call.ts';
import type { ServiceDefinition } from '../core/definition.ts';
import { methodsOf } from '../core/definition.ts';
import { ConfigError, describe, RpcError, statusOfError, toRpcError } from '../core/errors.ts';
import type { Handler, Interceptor } from '../core/interceptor.ts';
import { bind } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import type { Runtime } from '../core/runtime.ts';
import { OK, Status } from '../core/status.ts';
import type { ClientInterceptors } from './client-stack.ts';
import { clientStack } from './client-stack.ts';
import { bounded } from './bounded.ts';
import { ResponseStream } from './response-stream.ts';
import type { CallOptions, Client, MethodOptions } from './types.ts';

/** What a client is told where it is made. */
export interface ClientOptions<D extends ServiceDefinition> {
  /** Options of single methods; names are checked by the compiler. */
  readonly methods?: { readonly [K in keyof D['methods']]?: MethodOptions };
  /** Options of all methods that say nothing of their own. */
  readonly defaults?: MethodOptions;
  readonly interceptors?: ClientInterceptors;
  /**
   * `'bare'` leaves the whole default stack away, deadlines and inheritance included: for
   * measuring. Default `'default'`.
   */
  readonly stack?: 'default' | 'bare';
}

/** Makes a typed client over a channel. `ownsChannel`: its end is the channel's end too. */
export function makeClient<D extends ServiceDefinition>(
  definition: D,
  channel: Channel,
  options: ClientOptions<D>,
  ownsChannel: boolean,
): Client<D> {
  const methods = methodsOf(definition);
  const optionsOf = methodOptions(definition, options);
  const layers = layersOf(options, optionsOf);
  const invoke: Handler<ClientCall> = (call) => channel.invoke(call);
  const client: Record<PropertyKey, unknown> = {
    [Symbol.asyncDispose]: async () => {
      if (ownsChannel) await channel[Symbol.asyncDispose]();
    },
  };
  for (const method of methods) {
    const handler = bind(layers, method, invoke);
    const { waitForReady = false } = optionsOf(method);
    client[method.key] = stub(method, handler, channel.connectOptions.runtime, waitForReady);
  }
  return client as unknown as Client<D>;
}

function layersOf<D extends ServiceDefinition>(
  options: ClientOptions<D>,
  optionsOf: (method: Method) => MethodOptions,
): Interceptor<ClientCall>[] {
  const { interceptors = {}, stack = 'default' } = options;
  if (stack === 'bare')
    return [...(interceptors.perCall ?? []), ...(interceptors.perAttempt ?? [])];
  const named = clientStack({
    ...interceptors,
    timeoutOf: (method) => optionsOf(method).timeoutMs,
  });
  return named.flatMap(({ layers }) => layers);
}

function methodOptions<D extends ServiceDefinition>(
  definition: D,
  options: ClientOptions<D>,
): (method: Method) => MethodOptions {
  const byKey = (options.methods ?? {}) as Readonly<Record<string, MethodOptions | undefined>>;
  for (const key of Object.keys(byKey)) {
    if (!Object.hasOwn(definition.methods, key)) {
      const known = Object.keys(definition.methods).join(', ');
      throw new ConfigError(`${definition.fullName} has no method '${key}'; it has ${known}`);
    }
  }
  return (method) => ({ ...options.defaults, ...byKey[method.key] });
}

type Stub = (request: Payload, options?: CallOptions) => unknown;

function stub(
  method: Method,
  handler: Handler<ClientCall>,
  runtime: Runtime,
  waitForReady: boolean,
): Stub {
  const makeCall = (request: Payload, options: CallOptions | undefined): ClientCall => {
    const call = new ClientCall(method, runtime, request);
    call.waitForReady = waitForReady;
    if (options !== undefined) applyOptions(call, options);
    return call;
  };
  if (method.responseStream) {
    return (request, options) => new ResponseStream(() => makeCall(request, options), handler);
  }
  return (request, options) => {
    let call: ClientCall;
    try {
      call = makeCall(request, options);
    } catch (error) {
      return Promise.reject(error);
    }
    return runSingle(call, handler);
  };
}

/** Runs a call with a single response and ends it. */
function runSingle(call: ClientCall, handler: Handler<ClientCall>): Promise<Payload> {
  return bounded(call, handler).then(
    (message) => {
      call.end(OK);
      return message;
    },
    (error: unknown) => {
      const failure = error instanceof ConfigError ? error : toRpcError(call.method.path, error);
      call.end(statusOfError(failure));
      throw failure;
    },
  );
}

function applyOptions(call: ClientCall, options: CallOptions): void {
  const { metadata, signal, timeoutMs, waitForReady } = options;
  if (metadata !== undefined) call.headers = requestMetadata(call, metadata);
  if (timeoutMs !== undefined) call.timeoutMs = timeoutMs;
  if (waitForReady !== undefined) call.waitForReady = waitForReady;
  if (options.onHeader !== undefined) {
    call.onResponseHeader((header) => options.onHeader?.(header));
  }
  if (options.onTrailer !== undefined) {
    call.onEnd(() => options.onTrailer?.(call.responseTrailer));
  }
  if (signal !== undefined) followSignal(call, signal);
}

/** A copy, for layers add to it; what gRPC cannot carry is the caller's mistake, and told so. */
function requestMetadata(call: ClientCall, metadata: MetadataInit): Metadata {
  try {
    return Metadata(metadata);
  } catch (error) {
    const status = { code: Status.INVALID_ARGUMENT, details: describe(error), cause: error };
    throw new RpcError(call.method.path, { ...status, processed: 'no' });
  }
}

function followSignal(call: ClientCall, signal: AbortSignal): void {
  const abort = (): void => {
    const details = 'The call was cancelled by its caller';
    call.cancel({ code: Status.CANCELLED, details, cause: signal.reason });
  };
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener('abort', abort, { once: true });
  call.onEnd(() => signal.removeEventListener('abort', abort));
}
