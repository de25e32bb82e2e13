import type {
  ChannelOptions,
  Client,
  ClientOptions,
  Runtime,
  Server,
  ServerOptions,
  ServiceImplementation,
  ServiceOptions,
  Transport,
} from '../../src/index.ts';
import { createClient, createRuntime, createServer, grpcJsTransport } from '../../src/index.ts';
import { inMemoryTransport } from '../../src/transports/in-memory/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { LogEntry } from '../../src/testing/index.ts';
import { recordingLogger } from '../../src/testing/index.ts';
import { shapes } from './shapes-service.ts';

export type ShapesDefinition = typeof ShapesServiceDefinition;
export type ShapesImplementation = ServiceImplementation<ShapesDefinition>;
export type ShapesClient = Client<ShapesDefinition>;

/** Every suite over the shapes runs over each of these. */
export const TRANSPORTS: readonly [name: string, make: () => Transport][] = [
  ['grpc-js', grpcJsTransport],
  ['in-memory', inMemoryTransport],
];

export type { LogEntry };

/** A runtime on real time, whose log is kept. */
export function testRuntime(): Runtime & { readonly log: readonly LogEntry[] } {
  const logger = recordingLogger();
  return { ...createRuntime({ logger }), log: logger.entries };
}

export interface PairOptions {
  readonly transport?: Transport;
  readonly runtime?: Runtime & { readonly log: readonly LogEntry[] };
  readonly server?: ServerOptions;
  readonly service?: ServiceOptions<ShapesDefinition>;
  readonly client?: ClientOptions<ShapesDefinition> & ChannelOptions;
}

/** A server and a client of it, over one transport, that end together. */
export interface Pair extends AsyncDisposable {
  readonly server: Server;
  readonly client: ShapesClient;
  readonly port: number;
  readonly target: string;
  readonly log: readonly LogEntry[];
}

/** Serves the shapes, some of them replaced, and connects a client. */
export async function startPair(
  overrides: Partial<ShapesImplementation> = {},
  options: PairOptions = {},
): Promise<Pair> {
  const runtime = options.runtime ?? testRuntime();
  const transport = options.transport ?? grpcJsTransport();
  const server = createServer({ runtime, transport, ...options.server });
  server.add(ShapesServiceDefinition, { ...shapes, ...overrides }, options.service);
  const { port } = await server.listen('127.0.0.1:0');
  const target = `static:///127.0.0.1:${port}`;
  const client = createClient(ShapesServiceDefinition, target, {
    runtime,
    transport,
    ...options.client,
  });
  return {
    server,
    client,
    port,
    target,
    log: runtime.log,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The error that a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise resolved, but should have been rejected');
}

/** All messages of a stream. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

/** A promise and what settles it. */
export function deferred<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}
