import type { MethodDefinition, ServiceDefinition } from '../core/definition.ts';
import { ConfigError } from '../core/errors.ts';
import type { Handler } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { refuseOver } from '../core/server-call.ts';
import type { CallContext } from './handler-context.ts';
import { handlerContext } from './handler-context.ts';

type In<M extends MethodDefinition> = ReturnType<M['requestType']['decode']>;
type Out<M extends MethodDefinition> = Parameters<M['responseType']['fromPartial']>[0];

type Request<M extends MethodDefinition> = M['requestStream'] extends true
  ? AsyncIterable<In<M>>
  : In<M>;

type Response<M extends MethodDefinition> = M['responseStream'] extends true
  ? AsyncIterable<Out<M>>
  : Promise<Out<M>> | Out<M>;

/**
 * What a service implements: one function a method, as in nice-grpc. A streamed response is an
 * async generator.
 */
export type ServiceImplementation<D extends ServiceDefinition> = {
  // Inferred anew, so that a literal in what a handler yields keeps its type.
  readonly [K in keyof D['methods']]: D['methods'][K] extends infer M extends MethodDefinition
    ? (request: Request<M>, context: CallContext) => Response<M>
    : never;
};

type AnyHandler = (request: unknown, context: CallContext) => unknown;

/** The innermost handler of a method: the user's function. */
export function handlerOf(implementation: object, method: Method): Handler<ServerCall> {
  const handler = (implementation as Record<string, unknown>)[method.key];
  if (typeof handler !== 'function') {
    throw new ConfigError(
      `The implementation of ${method.service} has no function '${method.key}' for ${method.path}`,
    );
  }
  // Called on the implementation, which may be an instance of a class.
  const invoke = handler.bind(implementation) as AnyHandler;
  if (method.requestStream) {
    return async (call) => {
      refuseOver(call);
      return invoke(call.request, handlerContext(call));
    };
  }
  return async (call) => {
    const request = await call.request;
    refuseOver(call);
    return invoke(request, handlerContext(call));
  };
}
