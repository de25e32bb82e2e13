import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type {
  ChannelOptions,
  ClientOptions,
  Runtime,
  ServerCredentials,
  ServerOptions,
} from '../../src/index.ts';
import { createClient, createServer, RpcError } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { createAuthority } from '../support/certificates.ts';
import type {
  LogEntry,
  ShapesClient,
  ShapesDefinition,
  ShapesImplementation,
} from '../support/harness.ts';
import { rejection, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

/** The authority that both sides trust, unless a test says otherwise. */
export const authority = createAuthority('the test authority');

/** A certificate for servers on this machine, by name and by address. */
export const localhost = authority.issue({
  commonName: 'server',
  names: ['DNS:localhost', 'IP:127.0.0.1'],
});

export interface SecureServerOptions {
  readonly credentials: ServerCredentials;
  readonly server?: ServerOptions;
  readonly implementation?: Partial<ShapesImplementation>;
  readonly runtime?: Runtime & { readonly log: readonly LogEntry[] };
}

type ConnectOptions = ClientOptions<ShapesDefinition> &
  ChannelOptions & { readonly target?: string };

/** A server on a real socket, and the clients of it, which end with it. */
export interface SecureServer extends AsyncDisposable {
  readonly port: number;
  readonly log: readonly LogEntry[];
  /** A new client with a connection of its own, by default to `static:///127.0.0.1`. */
  connect(options: ConnectOptions): ShapesClient;
}

export async function startSecure(options: SecureServerOptions): Promise<SecureServer> {
  const runtime = options.runtime ?? testRuntime();
  const server = createServer({ runtime, ...options.server });
  server.add(ShapesServiceDefinition, { ...shapes, ...options.implementation });
  const { port } = await server.listen('127.0.0.1:0', { credentials: options.credentials });
  const clients: ShapesClient[] = [];
  return {
    port,
    log: runtime.log,
    connect({ target = `static:///127.0.0.1:${port}`, ...rest }) {
      const client = createClient(ShapesServiceDefinition, target, {
        runtime,
        // A clock that stands still would never let another attempt begin.
        defaults: { retry: false },
        ...rest,
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
      const ended = server[Symbol.asyncDispose]();
      // Its grace of 0 ms is over only when a clock that stands still is told so.
      if (runtime.clock instanceof ManualClock) runtime.clock.advance(0);
      await ended;
    },
  };
}

/** The text that a unary call gets back. */
export async function echo(client: ShapesClient, text: string): Promise<string | undefined> {
  const { sample } = await client.unary({ sample: { text } });
  return sample?.text;
}

/** The text of a stream's next message; undefined at its end. */
export async function nextText(
  stream: AsyncIterator<{ readonly sample?: { readonly text: string } | undefined }, unknown>,
): Promise<string | undefined> {
  const next = await stream.next();
  return next.done === true ? undefined : next.value.sample?.text;
}

/** The error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<RpcError> {
  const error = await rejection(call);
  if (error instanceof RpcError) return error;
  throw new Error('the call failed with something that is no RpcError', { cause: error });
}
