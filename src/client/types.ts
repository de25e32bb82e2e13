import type { CallOptions as CommonCallOptions, MetadataInit } from 'nice-grpc-common';

import type { MethodDefinition, ServiceDefinition } from '../core/definition.ts';
import type { RpcError } from '../core/errors.ts';
import type { FailureClassifier } from '../policies/failure.ts';
import type { MethodPolicy } from '../policies/policy.ts';

/** What a caller may give: the message, or any part of it. */
export type Input<T extends { fromPartial(object: never): unknown }> = Parameters<
  T['fromPartial']
>[0];

/** A whole message. */
export type Output<T extends { decode(input: Uint8Array): unknown }> = ReturnType<T['decode']>;

/** Options of one call: those of nice-grpc (`signal`, `onHeader`, `onTrailer`), and: */
export interface CallOptions extends Omit<CommonCallOptions, 'metadata'> {
  /** Request metadata, as a `Metadata`, pairs or a plain object. */
  readonly metadata?: MetadataInit | undefined;
  /** How long the call may take, in ms; Infinity for as long as it likes. */
  readonly timeoutMs?: number | undefined;
  /** Wait for an endpoint instead of failing at once when none is reachable. Default false. */
  readonly waitForReady?: boolean | undefined;
}

/** Policy of a method, and what only code can say of it. */
export type MethodOptions<M extends MethodDefinition = MethodDefinition> = MethodPolicy & {
  /**
   * Answers in place of a call that failed for good, whatever of its layers refused it. Throws to
   * let the failure stand. A streamed response that has begun is beyond it.
   */
  readonly fallback?: (
    error: RpcError,
    request: Request<M>,
  ) => FallbackResponse<M> | Promise<FallbackResponse<M>>;
  /** What counts against the method's breaker. Default: what shows a server ill or away. */
  readonly isFailure?: FailureClassifier;
};

type FallbackResponse<M extends MethodDefinition> = M['responseStream'] extends true
  ? AsyncIterable<Output<M['responseType']>>
  : Output<M['responseType']>;

type Request<M extends MethodDefinition> = M['requestStream'] extends true
  ? AsyncIterable<Input<M['requestType']>>
  : Input<M['requestType']>;

type Response<M extends MethodDefinition> = M['responseStream'] extends true
  ? AsyncIterableIterator<Output<M['responseType']>> & AsyncDisposable
  : Promise<Output<M['responseType']>>;

/** A typed method. A streamed response starts its call when it is first read. */
export type ClientMethod<M extends MethodDefinition> = (
  request: Request<M>,
  options?: CallOptions,
) => Response<M>;

/** A typed client: one function a method, and its own end. */
export type Client<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]: ClientMethod<D['methods'][K]>;
} & AsyncDisposable;
