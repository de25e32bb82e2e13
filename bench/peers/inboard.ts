import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, createServer } from '../../src/index.ts';
import { readAll, takeTurns } from './iterables.ts';
import type { Peer, PeerClient, PeerServer } from './peer.ts';
import { shapesService } from './service.ts';

/** inboard with the default stacks on both sides. */
export const inboard: Peer = peer('default');

/** inboard without any layer: what remains is the channel, the transport and the typed surface. */
export const inboardBare: Peer = peer('bare');

function peer(stack: 'default' | 'bare'): Peer {
  return {
    async startServer(): Promise<PeerServer> {
      const server = createServer({ stack });
      server.add(ShapesServiceDefinition, shapesService);
      const { port } = await server.listen('127.0.0.1:0');
      return { port, close: async () => server[Symbol.asyncDispose]() };
    },

    async connect(port: number): Promise<PeerClient> {
      const target = `static:///127.0.0.1:${port}`;
      const client = createClient(ShapesServiceDefinition, target, { stack });
      return {
        unary: (request) => client.unary(request),
        serverStream: (request, onMessage) => readAll(client.serverStream(request), onMessage),
        bidi: (first, onMessage) => takeTurns((turns) => client.bidi(turns), first, onMessage),
        close: async () => client[Symbol.asyncDispose](),
      };
    },
  };
}
