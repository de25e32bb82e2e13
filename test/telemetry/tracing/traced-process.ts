/**
 * One process of a traced chain: a server of the shapes that asks the next one, or, told to, a
 * client that calls once and ends. Prints its port; ends, its spans sent, when its input does.
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';

import type * as Grpc from '@grpc/grpc-js';
import type * as Nice from 'nice-grpc';

import { registerOtlp } from './register-otlp.ts';

export interface TracedProcessOptions {
  readonly service: string;
  readonly collectorPort: number;
  readonly instrumentation?: boolean;
  readonly library?: 'inboard' | 'nice-grpc' | 'grpc-js';
  /** Where its handlers call, or itself. */
  readonly nextPort?: number;
  /** Calls `next` this often, in place of serving. */
  readonly calls?: number;
  /** Method that it calls. */
  readonly method?: 'unary' | 'unarySafe';
  /** How many calls its server fails with UNAVAILABLE first. */
  readonly failures?: number;
}

const options = JSON.parse(process.argv[2] ?? '') as TracedProcessOptions;
const { service, collectorPort, instrumentation = false, library = 'inboard' } = options;
const flush = registerOtlp(service, collectorPort, instrumentation);

// Loaded after the instrumentation, as its own documentation wants it.
const { createClient, createServer, ServerError, Status } = await import('../../../src/index.ts');
const { ShapesServiceDefinition } = await import('../../../generated/inboard/testing/v1/shapes.ts');
const { shapes } = await import('../../support/shapes-service.ts');
const nice = createRequire(import.meta.url)('nice-grpc') as typeof Nice;
const grpc = createRequire(import.meta.url)('@grpc/grpc-js') as typeof Grpc;

const { nextPort, calls = 0, method = 'unary' } = options;
const next = nextPort === undefined ? undefined : connect(`127.0.0.1:${nextPort}`);

if (calls > 0) {
  for (let made = 0; made < calls; made++) await next?.call();
} else {
  const stop = await serve();
  process.stdin.resume();
  await once(process.stdin, 'end');
  await stop();
}
await next?.close();
await flush();

interface Next {
  call(): Promise<unknown>;
  close(): Promise<void>;
}

function connect(address: string): Next {
  if (library === 'grpc-js') return connectStock(address);
  if (library === 'nice-grpc') {
    const channel = nice.createChannel(address);
    const client = nice.createClient(ShapesServiceDefinition, channel);
    return { call: () => client[method]({}), close: async () => channel.close() };
  }
  const client = createClient(ShapesServiceDefinition, `static:///${address}`);
  return { call: () => client[method]({}), close: async () => client[Symbol.asyncDispose]() };
}

function connectStock(address: string): Next {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const call = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        '/inboard.testing.v1.ShapesService/Unary',
        () => Buffer.alloc(0),
        () => ({}),
        {},
        (error) => (error === null ? resolve(undefined) : reject(error)),
      );
    });
  return { call, close: async () => client.close() };
}

async function serve(): Promise<() => Promise<void>> {
  let { failures = 0 } = options;
  const answer = async (): Promise<object> => {
    if (failures-- > 0) throw new ServerError(Status.UNAVAILABLE, 'not yet');
    await next?.call();
    return {};
  };
  const implementation = { ...shapes, unary: answer, unarySafe: answer };
  if (library === 'nice-grpc') {
    const server = nice.createServer();
    server.add(ShapesServiceDefinition, implementation as never);
    console.log(await server.listen('127.0.0.1:0'));
    return async () => server.forceShutdown();
  }
  const server = createServer().add(ShapesServiceDefinition, implementation);
  console.log((await server.listen('127.0.0.1:0')).port);
  return () => server[Symbol.asyncDispose]();
}
