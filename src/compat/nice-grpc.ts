/**
 * `inboard/nice-grpc`: middlewares of nice-grpc as interceptors, and interceptors as middlewares
 * of nice-grpc, for all four shapes. Services need nothing of this: an implementation that was
 * written for nice-grpc is added to a server as it is.
 */
export { fromNiceGrpcClientMiddleware } from './client-middleware.ts';
export { toNiceGrpcClientMiddleware } from './client-interceptor.ts';
export type { InterceptorOptions } from './nice-method.ts';
export { fromNiceGrpcServerMiddleware } from './server-middleware.ts';
export type { InboardContext } from './server-interceptor.ts';
export { toNiceGrpcServerMiddleware } from './server-interceptor.ts';
