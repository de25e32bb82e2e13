import type {
  ChannelOptions,
  Client,
  ClientOptions,
  Runtime,
  Server,
  ServerOptions,
  ServiceDefinition,
  ServiceImplementation,
  ServiceOptions,
  Transport,
} from '../index.ts';
import { createClient, createServer } from '../index.ts';
import { inMemoryTransport } from '../transports/in-memory/index.ts';
import type { ManualClock } from './manual-clock.ts';
import type { RecordingLogger } from './recording-logger.ts';
import type { TestRuntime } from './test-runtime.ts';
import { testRuntime } from './test-runtime.ts';

/** What a client of a pair may be told. */
export type PairClientOptions<D extends ServiceDefinition> = ClientOptions<D> & ChannelOptions;

/** What a pair is made of, where it is not the usual. */
export interface TestPairOptions<D extends ServiceDefinition, R extends Runtime> {
  readonly server?: ServerOptions;
  readonly service?: ServiceOptions<D>;
  readonly client?: PairClientOptions<D>;
  /** Of both sides. Default a `testRuntime()`, whose clock stands still. */
  readonly runtime?: R;
  /** Of both sides. Default an `inMemoryTransport()`. */
  readonly transport?: Transport;
}

/** A server and clients of it; the end of the pair is the end of them all. */
export interface TestPair<D extends ServiceDefinition, R extends Runtime> extends AsyncDisposable {
  readonly client: Client<D>;
  readonly server: Server;
  readonly runtime: R;
  /** Where the server listens, as `static:///127.0.0.1:PORT`. */
  readonly target: string;
  readonly port: number;
  /** Another client of the server, on the pair's runtime and transport. */
  connect(options?: PairClientOptions<D>): Client<D>;
  /** Another client, of the target. Default the pair's own. */
  connect(target?: string, options?: PairClientOptions<D>): Client<D>;
}

/**
 * Serves an implementation on loopback and connects a client: in memory and on a clock that
 * stands still, unless it is told otherwise.
 *
 * ```ts
 * await using pair = await testPair(OrdersServiceDefinition, orders);
 * const call = pair.client.getOrder({ id: 'a' }, { timeoutMs: 200 });
 * pair.runtime.clock.advance(200); // and the call fails with DEADLINE_EXCEEDED
 * ```
 *
 * Over sockets and in real time: `{ transport: grpcJsTransport(), runtime: createRuntime() }`.
 * Options of `server` and `client` come before those of the pair. Rejects with what `createServer`,
 * `listen` and `createClient` throw, and leaves nothing open then.
 */
export async function testPair<
  D extends ServiceDefinition,
  R extends Runtime = TestRuntime<ManualClock, RecordingLogger>,
>(
  definition: D,
  implementation: ServiceImplementation<NoInfer<D>>,
  options: TestPairOptions<NoInfer<D>, R> = {},
): Promise<TestPair<D, R>> {
  // The default is of the type that R has where nothing is given.
  const runtime = options.runtime ?? (testRuntime() as Runtime as R);
  const shared = { runtime, transport: options.transport ?? inMemoryTransport() };
  const server = createServer({ ...shared, ...options.server });
  const clients: Client<D>[] = [];
  const end = async (): Promise<void> => {
    try {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    } finally {
      await server[Symbol.asyncDispose]();
    }
  };
  const open = (target: string, more: PairClientOptions<D> = {}): Client<D> => {
    const client = createClient(definition, target, { ...shared, ...more });
    clients.push(client);
    return client;
  };
  try {
    server.add(definition, implementation, options.service);
    const { address, port } = await server.listen('127.0.0.1:0');
    const target = `static:///${address}`;
    const connect = (to?: string | PairClientOptions<D>, more?: PairClientOptions<D>): Client<D> =>
      typeof to === 'object' ? open(target, to) : open(to ?? target, more);
    const client = open(target, options.client);
    return { client, server, runtime, target, port, connect, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
