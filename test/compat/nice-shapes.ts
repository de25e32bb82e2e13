import type { CallContext } from 'nice-grpc-common';
import { ServerError, Status } from 'nice-grpc-common';

import type {
  BidiRequest,
  ClientStreamRequest,
  ServerStreamRequest,
  ShapesServiceImplementation,
  UnaryRequest,
} from '../../generated/inboard/testing/v1/shapes.ts';

/** Does what the text of the request says, so that one service shows all that a handler can do. */
function obey(text: string, context: CallContext): void {
  if (text === 'headers') {
    context.header.set('x-plain', context.metadata.get('x-plain') ?? 'none');
    context.header.set('x-bytes-bin', context.metadata.get('x-bytes-bin') ?? new Uint8Array());
    context.trailer.set('x-plain', 'in the trailer');
    context.trailer.set('x-bytes-bin', new Uint8Array([0, 255, 10]));
  }
  if (text === 'early header') {
    context.header.set('x-plain', 'early');
    context.sendHeader();
    context.header.set('x-plain', 'too late');
    context.sendHeader();
  }
  if (text === 'fail') {
    context.header.set('x-plain', 'of a failure');
    context.trailer.set('x-plain', 'of a failure, too');
    throw new ServerError(Status.FAILED_PRECONDITION, 'Größe 100%: ≠ 42\n„so“ 🧊');
  }
  if (text === 'crash') throw new TypeError('a secret of the implementation');
}

/** A service as it is written for nice-grpc: an object with a function a method. */
export const niceShapes: ShapesServiceImplementation = {
  async unary({ sample }, context) {
    obey(sample?.text ?? '', context);
    return { sample };
  },
  async unarySafe({ sample }, context) {
    obey(sample?.text ?? '', context);
    return { sample };
  },
  async clientStream(requests, context) {
    let count = 0;
    let text = '';
    for await (const { sample } of requests) {
      count++;
      text = sample?.text ?? '';
      obey(text, context);
    }
    return { count, last: { text } };
  },
  async *serverStream({ sample, count }, context) {
    for (let index = 0; index < count; index++) {
      if (index === count - 1) obey(sample?.text ?? '', context);
      yield { index, sample };
    }
  },
  async *bidi(requests, context) {
    let index = 0;
    for await (const { sample } of requests) {
      obey(sample?.text ?? '', context);
      yield { index: index++, sample };
    }
  },
};

/** The same as a class: methods on the prototype that need their `this`. */
export class NiceShapes implements ShapesServiceImplementation {
  private readonly inner = niceShapes;
  private calls = 0;

  unary(request: UnaryRequest, context: CallContext): ReturnType<typeof niceShapes.unary> {
    this.calls++;
    return this.inner.unary(request, context);
  }

  unarySafe(request: UnaryRequest, context: CallContext): ReturnType<typeof niceShapes.unarySafe> {
    this.calls++;
    return this.inner.unarySafe(request, context);
  }

  clientStream(
    requests: AsyncIterable<ClientStreamRequest>,
    context: CallContext,
  ): ReturnType<typeof niceShapes.clientStream> {
    this.calls++;
    return this.inner.clientStream(requests, context);
  }

  /** No generator of its own: any async iterable is a response stream. */
  serverStream(
    request: ServerStreamRequest,
    context: CallContext,
  ): ReturnType<typeof niceShapes.serverStream> {
    this.calls++;
    const { inner } = this;
    return {
      [Symbol.asyncIterator]: () => inner.serverStream(request, context)[Symbol.asyncIterator](),
    };
  }

  async *bidi(
    requests: AsyncIterable<BidiRequest>,
    context: CallContext,
  ): ReturnType<typeof niceShapes.bidi> & AsyncGenerator<{ index?: number }> {
    this.calls++;
    yield* this.inner.bidi(requests, context) as AsyncIterable<{ index?: number }>;
  }

  get callCount(): number {
    return this.calls;
  }
}
