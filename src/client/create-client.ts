import type { MetadataInit } from 'nice-grpc-common';
import { Metadata } from 'nice-grpc-common';

import type { Channel } from '../channel/channel.ts';
import { checkContractPolicy, checkMethodPolicy } from '../config/check-policy.ts';
import type { PolicySource } from '../config/policy-source.ts';
import { ClientCall } from '../core/client-call.ts';
import type { ServiceDefinition } from '../core/definition.ts';
import { methodsOf } from '../core/definition.ts';
import { ConfigError, describe, RpcError, statusOfError, toRpcError } from '../core/errors.ts';
import type { Handler } from '../core/interceptor.ts';
import type { Payload } from '../core/method.ts';
import { OK, Status } from '../core/status.ts';
import type { Fallback } from '../interceptors/fallback.ts';
import type { FailureClassifier } from '../policies/failure.ts';
import type { MethodPolicy } from '../policies/policy.ts';
import { bounded } from './bounded.ts';
import type { BoundMethod } from './bound-methods.ts';
import { BoundMethods } from './bound-methods.ts';
import type { ClientInterceptors } from './client-stack.ts';
import { BOUND_METHODS } from './client-snapshot.ts';
import { ResponseStream } from './response-stream.ts';
import type { CallOptions, Client, MethodOptions } from './types.ts';

/** What a client is told where it is made. */
export interface ClientOptions<D extends ServiceDefinition> {
  /** Policies and fallbacks of single methods; names are checked by the compiler. */
  readonly methods?: { readonly [K in keyof D['methods']]?: MethodOptions<D['methods'][K]> };
  /** Policy of all methods that say nothing of their own. */
  readonly defaults?: MethodPolicy;
  /** A policy that stands over both, and may change while the client is in use: `policyFile()`. */
  readonly policy?: PolicySource;
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
  let bound: BoundMethods;
  try {
    bound = bindMethods(definition, channel, options);
  } catch (error) {
    // It follows its policy already, and nobody else would end that.
    if (ownsChannel) channel.close();
    throw error;
  }
  const client: Record<PropertyKey, unknown> = {
    [Symbol.asyncDispose]: async () => {
      bound.close();
      if (ownsChannel) await channel[Symbol.asyncDispose]();
    },
    [BOUND_METHODS]: bound,
  };
  for (const method of bound.byPath.values()) {
    client[method.state.method.key] = stub(method, channel);
  }
  return client as unknown as Client<D>;
}

function bindMethods<D extends ServiceDefinition>(
  definition: D,
  channel: Channel,
  options: ClientOptions<D>,
): BoundMethods {
  const { interceptors = {}, stack = 'default', policy, defaults } = options;
  for (const [key, method] of Object.entries(definition.methods)) {
    checkContractPolicy(`${definition.fullName}, method ${key}`, method);
  }
  const code = checkMethods(definition, options);
  return new BoundMethods(methodsOf(definition), channel, {
    interceptors,
    stack,
    policy,
    code: { defaults, methods: code.policies },
    fallbackOf: (method) => code.fallbacks[method.key],
    classifierOf: (method) => code.classifiers[method.key],
  });
}

/** The options of single methods, checked: what is policy, and what only code can say. */
function checkMethods<D extends ServiceDefinition>(
  definition: D,
  options: ClientOptions<D>,
): MethodCode {
  const code: MethodCode = { policies: {}, fallbacks: {}, classifiers: {} };
  if (options.defaults !== undefined) checkMethodPolicy('defaults', options.defaults);
  const methods = (options.methods ?? {}) as Readonly<Record<string, AnyMethodOptions | undefined>>;
  for (const [key, given] of Object.entries(methods)) {
    if (!Object.hasOwn(definition.methods, key)) {
      const known = Object.keys(definition.methods).join(', ');
      throw new ConfigError(`${definition.fullName} has no method '${key}'; it has ${known}`);
    }
    if (given === undefined) continue;
    const { fallback, isFailure, ...policy } = given;
    checkMethodPolicy(`methods.${key}`, policy);
    code.policies[key] = policy;
    code.fallbacks[key] = fallback;
    code.classifiers[key] = isFailure;
  }
  return code;
}

interface MethodCode {
  readonly policies: Record<string, MethodPolicy>;
  readonly fallbacks: Record<string, Fallback | undefined>;
  readonly classifiers: Record<string, FailureClassifier | undefined>;
}

type AnyMethodOptions = MethodPolicy & {
  readonly fallback?: Fallback;
  readonly isFailure?: FailureClassifier;
};

type Stub = (request: Payload, options?: CallOptions) => unknown;

function stub(bound: BoundMethod, { runtime, target }: Channel): Stub {
  const { state } = bound;
  const { method } = state;
  const makeCall = (request: Payload, options: CallOptions | undefined): ClientCall => {
    const call = new ClientCall(method, runtime, request);
    call.target = target;
    call.waitForReady = state.policy.waitForReady;
    if (options !== undefined) applyOptions(call, options);
    return call;
  };
  if (method.responseStream) {
    return (request, options) =>
      new ResponseStream(
        () => makeCall(request, options),
        (call) => bound.handler(call),
      );
  }
  return (request, options) => {
    let call: ClientCall;
    try {
      call = makeCall(request, options);
    } catch (error) {
      return Promise.reject(error);
    }
    return runSingle(call, bound.handler);
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
  if (signal !== undefined) call.follow(signal);
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
