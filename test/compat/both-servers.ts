import { createServer as createNiceServer } from 'nice-grpc';
import type { ServerMiddleware } from 'nice-grpc-common';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import {
  fromNiceGrpcServerMiddleware,
  toNiceGrpcServerMiddleware,
} from '../../src/compat/nice-grpc.ts';
import { createClient, createServer } from '../../src/index.ts';
import type { LogEntry, ShapesClient } from '../support/harness.ts';
import { testRuntime } from '../support/harness.ts';

/** Serves the shapes with one of the two libraries, and connects one and the same client. */
export type Serve = (
  implementation: ShapesServiceImplementation,
  middlewares?: readonly ServerMiddleware[],
) => Promise<Served>;

export interface Served extends AsyncDisposable {
  readonly client: ShapesClient;
  readonly port: number;
  /** What inboard logged; nice-grpc warns through the process instead. */
  readonly log: readonly LogEntry[];
}

/** nice-grpc's own server: what to be equal to. */
const serveNice: Serve = async (implementation, middlewares = []) => {
  const plain = createNiceServer();
  const server = middlewares.reduce((made, middleware) => made.use(middleware), plain);
  server.add(ShapesServiceDefinition, implementation);
  const port = await server.listen('127.0.0.1:0');
  return served(port, [], () => server.forceShutdown());
};

/** inboard's server, with the same middlewares adapted. */
const serveInboard: Serve = async (implementation, middlewares = []) => {
  const runtime = testRuntime();
  const beforeHandler = middlewares.map((middleware) => fromNiceGrpcServerMiddleware(middleware));
  const server = createServer({ runtime, interceptors: { beforeHandler } });
  server.add(ShapesServiceDefinition, implementation);
  const { port } = await server.listen('127.0.0.1:0');
  return served(port, runtime.log, () => server[Symbol.asyncDispose]());
};

/** nice-grpc's server around middlewares that were made interceptors and middlewares again. */
const serveThereAndBack: Serve = (implementation, middlewares = []) => {
  const back = middlewares.map((middleware) => {
    return toNiceGrpcServerMiddleware(fromNiceGrpcServerMiddleware(middleware));
  });
  return serveNice(implementation, back as readonly unknown[] as ServerMiddleware[]);
};

function served(port: number, log: readonly LogEntry[], stop: () => Promise<void> | void): Served {
  const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`);
  return {
    client,
    port,
    log,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await stop();
    },
  };
}

/** The servers that an implementation and a middleware must not be able to tell apart. */
export const SERVERS: readonly [name: string, serve: Serve][] = [
  ['nice-grpc', serveNice],
  ['nice-grpc, there and back', serveThereAndBack],
  ['inboard', serveInboard],
];
