import type { ClientMiddlewareCall, Metadata } from 'nice-grpc-common';
import { ServerError, Status } from 'nice-grpc-common';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { shapes } from '../support/shapes-service.ts';

type Implementation = Partial<ShapesServiceImplementation>;

/** Answers with the caller's `x-in` in the header and, as bytes, in the trailer. */
export const echoingMetadata: Implementation = {
  async unary(request, context) {
    echo(context);
    return shapes.unary(request, context as never);
  },
  async clientStream(requests, context) {
    echo(context);
    return shapes.clientStream(requests, context as never);
  },
  async *serverStream(request, context) {
    echo(context);
    yield* shapes.serverStream(request, context as never);
  },
  async *bidi(requests, context) {
    echo(context);
    yield* shapes.bidi(requests, context as never);
  },
};

function echo(context: { metadata: Metadata; header: Metadata; trailer: Metadata }): void {
  const value = context.metadata.get('x-in') ?? 'none';
  context.header.set('x-header', value);
  context.trailer.set('x-trailer-bin', Buffer.from(value));
}

/** Fails every call; a stream after its first message. */
export function failing(code: Status): Implementation {
  const fail = (): never => {
    throw new ServerError(code, 'as told');
  };
  return {
    unary: async () => fail(),
    clientStream: async () => fail(),
    async *serverStream() {
      yield { index: 0, sample: { text: 'first' } };
      fail();
    },
    async *bidi() {
      yield { index: 0, sample: { text: 'first' } };
      fail();
    },
  };
}

/** Never answers; tells when a call has arrived, and when its signal aborts. */
export function silent(arrived: () => void, aborted: () => void): Implementation {
  const wait = (_request: unknown, { signal }: { signal: AbortSignal }): Promise<never> => {
    arrived();
    return new Promise((_resolve, reject) => {
      const abort = (): void => {
        aborted();
        reject(signal.reason as Error);
      };
      // On a busy machine the deadline may have passed on the way here.
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    });
  };
  return {
    unary: wait,
    clientStream: wait,
    async *serverStream(request, context) {
      yield await wait(request, context);
    },
    async *bidi(request, context) {
      yield await wait(request, context);
    },
  };
}

/** A request stream that stays open. */
export async function* never(): AsyncGenerator<{ sample: { text: string } }> {
  yield { sample: { text: 'a' } };
  await new Promise(() => undefined);
}

export function marked<T>(message: T, mark: string): T {
  const { sample, last } = message as { sample?: { text: string }; last?: { text: string } };
  const text = `${(sample ?? last)?.text} ${mark}`;
  return { ...message, ...(last === undefined ? { sample: { text } } : { last: { text } }) };
}

export async function* mapped<T>(
  messages: AsyncIterable<T>,
  mark: string,
): AsyncGenerator<T, void> {
  for await (const message of messages) yield marked(message, mark);
}

/** A request that can be sent twice: a stream is made anew. */
export function again<Request>(call: ClientMiddlewareCall<Request, unknown>): Request {
  if (!call.requestStream) return call.request;
  return (async function* () {
    yield { sample: { text: 'again' } };
  })() as never;
}

/** The shapes, failing with UNAVAILABLE where told. */
export function failOnce(fails: () => boolean): Implementation {
  const check = (): void => {
    if (fails()) throw new ServerError(Status.UNAVAILABLE, 'not yet');
  };
  return {
    async unary(request, context) {
      check();
      return shapes.unary(request, context as never);
    },
    async clientStream(requests, context) {
      check();
      return shapes.clientStream(requests, context as never);
    },
    async *serverStream(request, context) {
      check();
      yield* shapes.serverStream(request, context as never);
    },
    async *bidi(requests, context) {
      check();
      yield* shapes.bidi(requests, context as never);
    },
  };
}
