import { AttemptCall } from '../../src/core/attempt-call.ts';
import { ClientCall } from '../../src/core/client-call.ts';
import { statusOfError } from '../../src/core/errors.ts';
import type { Handler, Interceptor } from '../../src/core/interceptor.ts';
import { bind } from '../../src/core/interceptor.ts';
import type { Method, Shape } from '../../src/core/method.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import { OK } from '../../src/core/status.ts';

const NO_CODEC = { encode: () => new Uint8Array(), decode: () => ({}) };

/** A method of one shape, of no contract. */
export function methodOf(shape: Shape = 'unary'): Method {
  return {
    path: '/test.Shop/Buy',
    service: 'test.Shop',
    name: 'Buy',
    key: 'buy',
    shape,
    requestStream: shape === 'client_stream' || shape === 'bidi_stream',
    responseStream: shape === 'server_stream' || shape === 'bidi_stream',
    idempotency: undefined,
    known: true,
    request: NO_CODEC,
    response: NO_CODEC,
  };
}

/** A layer around a handler, and calls through it that are ended as a client ends them. */
export class LayerUnderTest {
  private readonly runtime: Runtime;
  private readonly method: Method;
  private readonly handler: Handler<ClientCall>;

  constructor(
    runtime: Runtime,
    layer: Interceptor<ClientCall>,
    innermost: Handler<ClientCall>,
    shape: Shape = 'unary',
  ) {
    this.runtime = runtime;
    this.method = methodOf(shape);
    this.handler = bind([layer], this.method, innermost);
  }

  /** A logical call, not yet started. */
  call(request: unknown = {}): ClientCall {
    return new ClientCall(this.method, this.runtime, request);
  }

  /** An attempt, as the retry layer makes it. */
  attempt(parent: ClientCall = this.call()): AttemptCall {
    return new AttemptCall(parent, parent.request);
  }

  /** Sends a call on, and leaves it open: what a layer above does that tries again by itself. */
  send(call: ClientCall): Promise<unknown> {
    return this.handler(call);
  }

  /** Runs a call; ends it, unless it is a stream that has begun: its reader ends that. */
  async run(call: ClientCall): Promise<unknown> {
    try {
      const payload = await this.handler(call);
      if (!this.method.responseStream) call.end(OK);
      return payload;
    } catch (error) {
      call.end(statusOfError(error));
      throw error;
    }
  }
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
