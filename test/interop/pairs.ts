import {
  createChannel,
  createClient as createNiceClient,
  createServer as createNiceServer,
} from 'nice-grpc';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, createServer } from '../../src/index.ts';
import { testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import type { PeerClient } from './stock-client.ts';
import { stockClient } from './stock-client.ts';
import type { PeerService } from './stock-server.ts';
import { stockServer } from './stock-server.ts';

type Stop = () => void | PromiseLike<void>;

/** A server of one library with handlers that none of them is told apart by. */
interface ServerKind {
  readonly name: string;
  serve(service: PeerService): Promise<{ readonly port: number; readonly stop: Stop }>;
}

/** A client of one library. */
interface ClientKind {
  readonly name: string;
  connect(port: number): { readonly client: PeerClient; readonly stop: Stop };
}

/** A client of one library and a server of another, that end together. */
export interface Joined extends AsyncDisposable {
  readonly client: PeerClient;
  readonly port: number;
}

const inboardServer: ServerKind = {
  name: 'inboard',
  async serve(service) {
    const server = createServer({ runtime: testRuntime() });
    server.add(ShapesServiceDefinition, service);
    const { port } = await server.listen('127.0.0.1:0');
    return { port, stop: () => server[Symbol.asyncDispose]() };
  },
};

const grpcJsServer: ServerKind = { name: 'grpc-js', serve: stockServer };

const niceServer: ServerKind = {
  name: 'nice-grpc',
  async serve(service) {
    const server = createNiceServer();
    server.add(ShapesServiceDefinition, service);
    return { port: await server.listen('127.0.0.1:0'), stop: () => server.forceShutdown() };
  },
};

const inboardClient: ClientKind = {
  name: 'inboard',
  connect(port) {
    const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`);
    return { client, stop: () => client[Symbol.asyncDispose]() };
  },
};

const grpcJsClient: ClientKind = {
  name: 'grpc-js',
  connect(port) {
    const client = stockClient(port);
    return { client, stop: () => client[Symbol.dispose]() };
  },
};

const niceClient: ClientKind = {
  name: 'nice-grpc',
  connect(port) {
    const channel = createChannel(`127.0.0.1:${port}`);
    const client = createNiceClient(ShapesServiceDefinition, channel);
    return { client, stop: () => channel.close() };
  },
};

/** A pair by the names of its sides, and what starts it; handlers not given are the usual ones. */
export interface PairKind {
  readonly name: string;
  readonly client: string;
  readonly server: string;
  join(overrides?: Partial<PeerService>): Promise<Joined>;
}

function pairOf(from: ClientKind, to: ServerKind): PairKind {
  return {
    name: `${from.name} client, ${to.name} server`,
    client: from.name,
    server: to.name,
    async join(overrides = {}) {
      const usual = shapes as unknown as PeerService;
      const { port, stop } = await to.serve({ ...usual, ...overrides });
      const connected = from.connect(port);
      return {
        client: connected.client,
        port,
        async [Symbol.asyncDispose]() {
          await connected.stop();
          await stop();
        },
      };
    },
  };
}

/** Every pair with inboard on one side. */
export const PAIRS: readonly PairKind[] = [
  pairOf(inboardClient, grpcJsServer),
  pairOf(grpcJsClient, inboardServer),
  pairOf(inboardClient, niceServer),
  pairOf(niceClient, inboardServer),
];
