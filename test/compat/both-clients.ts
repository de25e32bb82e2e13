import { createChannel, createClientFactory } from 'nice-grpc';
import type { ClientMiddleware } from 'nice-grpc-common';

import type {
  ShapesServiceClient,
  ShapesServiceImplementation,
} from '../../generated/inboard/testing/v1/shapes.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import {
  fromNiceGrpcClientMiddleware,
  toNiceGrpcClientMiddleware,
} from '../../src/compat/nice-grpc.ts';
import { createClient } from '../../src/index.ts';
import { startPair } from '../support/harness.ts';

/** A client of one of the two libraries, and the implementation that its calls reach. */
export type Connect = (
  middlewares: readonly ClientMiddleware[],
  overrides?: Partial<ShapesServiceImplementation>,
  /** Options that the middlewares add to nice-grpc's, for all calls. */
  extensions?: object,
) => Promise<Connected>;

export interface Connected extends AsyncDisposable {
  readonly client: ShapesServiceClient;
}

/** nice-grpc's own client around the middlewares, the outermost first: what to be equal to. */
const connectNice: Connect = async (middlewares, overrides, extensions = {}) => {
  const pair = await startPair(overrides);
  const channel = createChannel(`127.0.0.1:${pair.port}`);
  // nice-grpc runs the middleware first that was attached last.
  const factory = middlewares.reduceRight((made, middleware) => {
    return made.use(middleware);
  }, createClientFactory());
  return {
    client: factory.create(ShapesServiceDefinition, channel, { '*': extensions }),
    async [Symbol.asyncDispose]() {
      channel.close();
      await pair[Symbol.asyncDispose]();
    },
  };
};

/** inboard's client around the same middlewares, adapted, once in each of its slots. */
const connectInboard =
  (slot: 'perCall' | 'perAttempt'): Connect =>
  async (middlewares, overrides, extensions = {}) => {
    const pair = await startPair(overrides);
    const layers = middlewares.map((middleware) =>
      fromNiceGrpcClientMiddleware(middleware, extensions),
    );
    const client = createClient(ShapesServiceDefinition, pair.target, {
      interceptors: { [slot]: layers },
      // What the middlewares do is looked at, and not what inboard would do below them.
      defaults: { retry: false },
    });
    return {
      client,
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]();
        await pair[Symbol.asyncDispose]();
      },
    };
  };

/** nice-grpc's client around middlewares that were made interceptors and middlewares again. */
const connectThereAndBack: Connect = (middlewares, overrides, extensions) => {
  const back = middlewares.map((middleware) => {
    return toNiceGrpcClientMiddleware(fromNiceGrpcClientMiddleware(middleware));
  });
  return connectNice(back, overrides, extensions);
};

/** The clients that a middleware must not be able to tell apart. */
export const CLIENTS: readonly [name: string, connect: Connect][] = [
  ['nice-grpc', connectNice],
  ['nice-grpc, there and back', connectThereAndBack],
  ['inboard, perCall', connectInboard('perCall')],
  ['inboard, perAttempt', connectInboard('perAttempt')],
];
