import type { Method } from '../index.ts';
import { nameOf } from './nice-method.ts';

/** What a middleware returns: it yields streamed messages, or returns the single one. */
export type MiddlewareGenerator = AsyncGenerator<unknown, unknown, undefined>;

type Result = IteratorResult<unknown, undefined>;

/** Runs a middleware to its one response, and tells it what it does wrong, as nice-grpc does. */
export async function singleResponse(
  generator: MiddlewareGenerator,
  method: Method,
): Promise<unknown> {
  let result = await generator.next();
  while (result.done !== true) {
    const what = `A middleware yielded a message, but expected to only return a message for`;
    result = await generator.throw(new Error(`${what} ${nameOf(method)}`));
  }
  if (result.value !== undefined && result.value !== null) return result.value;
  const what = 'A middleware returned void, but expected to return a message for';
  throw new Error(`${what} ${nameOf(method)}`);
}

export interface StreamHooks {
  /** What the reader is told for an error that leaves the middleware. */
  readonly translate: (error: unknown) => unknown;
  /** Frees a read under way: a generator does not heed `return` before that settles. */
  readonly interrupt: () => void;
}

/** A middleware's streamed response, as the layers around it read it. */
export class MiddlewareStream implements AsyncIterableIterator<unknown, undefined> {
  private readonly generator: MiddlewareGenerator;
  private readonly method: Method;
  private readonly hooks: StreamHooks;
  private first: Promise<Result> | undefined = undefined;
  private reading = 0;

  constructor(generator: MiddlewareGenerator, method: Method, hooks: StreamHooks) {
    this.generator = generator;
    this.method = method;
    this.hooks = hooks;
  }

  /** Starts the middleware; resolves at response headers or the first message. */
  async open(headers: Promise<unknown>): Promise<this> {
    const first = this.read();
    this.first = first;
    await Promise.race([first, headers]);
    return this;
  }

  next(): Promise<Result> {
    const { first } = this;
    if (first === undefined) return this.read();
    this.first = undefined;
    return first;
  }

  async return(): Promise<Result> {
    if (this.reading > 0) this.hooks.interrupt();
    this.first = undefined;
    await this.generator.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async read(): Promise<Result> {
    this.reading++;
    try {
      const result = await this.generator.next();
      if (result.done !== true) return result;
      if (result.value === undefined || result.value === null) {
        return { done: true, value: undefined };
      }
      const what = 'A middleware returned a message, but expected to return void for';
      throw new Error(`${what} ${nameOf(this.method)}`);
    } catch (error) {
      throw this.hooks.translate(error);
    } finally {
      this.reading--;
    }
  }
}

/** Messages in passing. */
export async function* tapped(
  messages: AsyncIterable<unknown>,
  tap: (message: unknown) => void,
): AsyncGenerator<unknown, void, undefined> {
  for await (const message of messages) {
    tap(message);
    yield message;
  }
}

/** Runs something in the asynchronous context that a snapshot was taken in. */
export type Snapshot = <T>(body: () => T) => T;

/**
 * Messages of a generator that runs in the context of the snapshot: on its own it would run in
 * the context of whoever asks for its next message.
 */
export function within(
  snapshot: Snapshot,
  messages: AsyncIterable<unknown>,
): AsyncIterableIterator<unknown, unknown> {
  const iterator = snapshot(() => messages[Symbol.asyncIterator]());
  return {
    next: () => snapshot(() => iterator.next()),
    async return() {
      return (await snapshot(() => iterator.return?.())) ?? { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
