import type { Metadata } from 'nice-grpc-common';

import type {
  CallContext,
  MethodDefinition,
  ServiceDefinition,
  ServiceImplementation,
} from '../index.ts';
import { ConfigError, ServerError, Status } from '../index.ts';

type In<M extends MethodDefinition> = ReturnType<M['requestType']['decode']>;
type Out<M extends MethodDefinition> = Parameters<M['responseType']['fromPartial']>[0];

const CONTROL: unique symbol = Symbol('inboard.stub-control');

/** Every function has this property, no message does: it tells the two apart for the compiler. */
interface NoFunction {
  readonly [Symbol.hasInstance]?: never;
}

/** One call that a stub got. */
export interface StubCall<M extends MethodDefinition = MethodDefinition> {
  /** The message; of a request stream, the messages that were read so far. */
  readonly request: M['requestStream'] extends true ? readonly In<M>[] : In<M>;
  /** What the client sent besides. */
  readonly metadata: Metadata;
  /** What the handler was told. */
  readonly context: CallContext;
}

/**
 * How a fake method answers: a handler; or an `Error` to throw, at once; or the response. The
 * response to a streamed call is a list of messages, and a streamed request is read to its end
 * before it is answered so: for a dialogue, write a handler.
 */
export type StubAnswer<D extends ServiceDefinition, K extends keyof D['methods']> =
  | ServiceImplementation<D>[K]
  | Error
  | (D['methods'][K]['responseStream'] extends true
      ? readonly Out<D['methods'][K]>[]
      : Out<D['methods'][K]> & NoFunction);

/** Answers of some methods of a service. */
export type StubAnswers<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]?: StubAnswer<D, K>;
};

/** How a test drives a stub and sees what it got. */
export interface StubControl<D extends ServiceDefinition> {
  /** The calls of each method since the last `reset`, in the order of their coming. */
  readonly calls: { readonly [K in keyof D['methods']]: readonly StubCall<D['methods'][K]>[] };
  /** Answers a method so from now on. */
  on<K extends keyof D['methods']>(method: K, answer: StubAnswer<D, K>): void;
  /** Answers one more call so, after those that were given before; then as `on` said. */
  once<K extends keyof D['methods']>(method: K, answer: StubAnswer<D, K>): void;
  /** Forgets all calls, and all answers but those that the stub was made with. */
  reset(): void;
}

/**
 * A service whose methods are fakes: give it to `server.add` or to `testPair`. Where a method of
 * the service is called `calls`, `on`, `once` or `reset`, the stub has the method by that name,
 * and its control is found through `stubControl`.
 */
export type StubService<D extends ServiceDefinition> = ServiceImplementation<D> &
  Omit<StubControl<D>, keyof D['methods']> & { readonly [CONTROL]: StubControl<D> };

/** An answer whose type was checked where it was given. */
type Answer = unknown;
type Handler = (request: unknown, context: CallContext) => unknown;

/**
 * Makes an implementation of all methods of a service. A method without an answer ends its calls
 * with UNIMPLEMENTED and says how to fake it. Every call is kept, until `reset`.
 *
 * ```ts
 * const orders = stubService(OrdersServiceDefinition, {
 *   getOrder: ({ id }) => ({ order: { id } }), // a handler
 *   watchOrder: [{ state: OrderState.PAID }, { state: OrderState.SHIPPED }], // or an answer
 * });
 * orders.once('getOrder', new ServerError(Status.UNAVAILABLE, 'not now')); // the next call only
 * await using pair = await testPair(OrdersServiceDefinition, orders);
 * await pair.client.getOrder({ id: 'a' }); // fails
 * orders.calls.getOrder[0]?.request.id; // 'a'
 * ```
 *
 * Throws a `ConfigError` for a method that the service has not.
 */
export function stubService<D extends ServiceDefinition>(
  definition: D,
  answers: StubAnswers<NoInfer<D>> = {},
): StubService<D> {
  const fakes = new Map<PropertyKey, FakeMethod>();
  for (const [key, method] of Object.entries(definition.methods)) {
    const answer = (answers as Readonly<Record<string, Answer>>)[key];
    fakes.set(key, new FakeMethod(method, answer ?? unfaked(definition, key)));
  }
  const fake = (key: PropertyKey): FakeMethod => {
    const found = fakes.get(key);
    if (found !== undefined) return found;
    const known = Object.keys(definition.methods).join(', ');
    throw new ConfigError(`${definition.fullName} has no method '${String(key)}'; it has ${known}`);
  };
  for (const key of Object.keys(answers)) fake(key);
  const calls = {};
  const control = {
    calls,
    on: (key: PropertyKey, answer: Answer) => fake(key).on(answer),
    once: (key: PropertyKey, answer: Answer) => fake(key).once(answer),
    reset: () => fakes.forEach((each) => each.reset()),
  };
  const stub: Record<PropertyKey, unknown> = { ...control, [CONTROL]: control };
  for (const [key, each] of fakes) {
    Object.defineProperty(calls, key, { enumerable: true, get: () => each.calls });
    stub[key] = each.handle;
  }
  // It has what the definition names, as the type says.
  return stub as unknown as StubService<D>;
}

/** The control of a stub whose service has methods called `calls`, `on`, `once` or `reset`. */
export function stubControl<D extends ServiceDefinition>(stub: {
  readonly [CONTROL]: StubControl<D>;
}): StubControl<D> {
  return stub[CONTROL];
}

function unfaked({ fullName, methods }: ServiceDefinition, key: string): Error {
  const hint = `give '${key}' to stubService(), or call stub.on('${key}', …)`;
  const details = `${fullName}/${methods[key]?.name} has no fake: ${hint}`;
  return new ServerError(Status.UNIMPLEMENTED, details);
}

/** One method of a stub: how it answers, and what it was asked. */
class FakeMethod {
  calls: StubCall[] = [];
  private readonly method: MethodDefinition;
  private readonly first: Answer;
  private answer: Answer;
  private next: Answer[] = [];

  constructor(method: MethodDefinition, first: Answer) {
    this.method = method;
    this.first = first;
    this.answer = first;
  }

  on(answer: Answer): void {
    this.answer = answer;
  }

  once(answer: Answer): void {
    this.next.push(answer);
  }

  reset(): void {
    this.answer = this.first;
    this.next = [];
    this.calls = [];
  }

  readonly handle: Handler = (request, context) => {
    const answer = this.next.length === 0 ? this.answer : this.next.shift();
    const { metadata } = context;
    if (!this.method.requestStream) {
      this.calls.push({ request, metadata, context });
      return this.respond(answer, request, context);
    }
    const seen: unknown[] = [];
    this.calls.push({ request: seen, metadata, context });
    return this.respond(answer, noted(request as AsyncIterable<unknown>, seen), context);
  };

  private respond(answer: Answer, request: unknown, context: CallContext): unknown {
    if (typeof answer === 'function') return (answer as Handler)(request, context);
    const unread = this.method.requestStream ? (request as AsyncIterable<unknown>) : [];
    return this.method.responseStream ? streamOf(answer, unread) : messageOf(answer, unread);
  }
}

async function messageOf(answer: Answer, unread: Messages): Promise<unknown> {
  if (answer instanceof Error) throw answer;
  for await (const _ of unread);
  return answer;
}

async function* streamOf(answer: Answer, unread: Messages): AsyncGenerator {
  if (answer instanceof Error) throw answer;
  for await (const _ of unread);
  yield* answer as Iterable<unknown>;
}

type Messages = AsyncIterable<unknown> | readonly never[];

/** Notes what passes, no faster than it is read. */
async function* noted(messages: AsyncIterable<unknown>, seen: unknown[]): AsyncGenerator {
  for await (const message of messages) {
    seen.push(message);
    yield message;
  }
}
