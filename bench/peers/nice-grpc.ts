import { createChannel, createClient, createServer } from 'nice-grpc';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { readAll, takeTurns } from './iterables.ts';
import type { Peer, PeerClient, PeerServer } from './peer.ts';
import { shapesService } from './service.ts';

/** nice-grpc, a typed surface of promises and async iterables over @grpc/grpc-js. */
export const niceGrpc: Peer = { startServer, connect };

async function startServer(): Promise<PeerServer> {
  const server = createServer();
  server.add(ShapesServiceDefinition, shapesService);
  const port = await server.listen('127.0.0.1:0');
  return { port, close: async () => server.forceShutdown() };
}

async function connect(port: number): Promise<PeerClient> {
  const channel = createChannel(`http://127.0.0.1:${port}`, undefined, {
    'grpc.use_local_subchannel_pool': 1,
  });
  const client = createClient(ShapesServiceDefinition, channel);
  return {
    unary: (request) => client.unary(request),
    serverStream: (request, onMessage) => readAll(client.serverStream(request), onMessage),
    bidi: (first, onMessage) => takeTurns((turns) => client.bidi(turns), first, onMessage),
    close: async () => channel.close(),
  };
}
