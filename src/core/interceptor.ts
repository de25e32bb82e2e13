import type { Call } from './call.ts';
import type { Method, Payload } from './method.ts';

/** What a layer calls to let the call go on, and what it returns. */
export type Handler<C extends Call> = (call: C) => Promise<Payload>;

/**
 * A layer of a stack. It is bound once per method, when the client or the server is made, and again
 * when a policy changes that the method has; it returns `next` itself where it does not apply, so
 * that it costs nothing there.
 */
export type Interceptor<C extends Call> = (next: Handler<C>, method: Method) => Handler<C>;

/** Binds layers, outermost first, around the innermost handler. */
export function bind<C extends Call>(
  layers: readonly Interceptor<C>[],
  method: Method,
  innermost: Handler<C>,
): Handler<C> {
  return layers.reduceRight((next, layer) => layer(next, method), innermost);
}
