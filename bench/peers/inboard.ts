import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Runtime } from '../../src/index.ts';
import { createClient, createRuntime, createServer } from '../../src/index.ts';
import { readAll, takeTurns } from './iterables.ts';
import type { Peer, PeerClient, PeerServer } from './peer.ts';
import { shapesService } from './service.ts';

/** inboard with the default stacks on both sides. */
export const inboard: Peer = peer('default');

/** The same, with nothing that watches calls. */
export const inboardNoTelemetry: Peer = peer(
  'default',
  createRuntime({ metrics: false, tracing: false }),
);

/** inboard without any layer: what remains is the channel, the transport and the typed surface. */
export const inboardBare: Peer = peer('bare');

function peer(stack: 'default' | 'bare', runtime?: Runtime): Peer {
  const options = runtime === undefined ? { stack } : { stack, runtime };
  return {
    async startServer(): Promise<PeerServer> {
      const server = createServer(options);
      server.add(ShapesServiceDefinition, shapesService);
      const { port } = await server.listen('127.0.0.1:0');
      return { port, close: async () => server[Symbol.asyncDispose]() };
    },

    async connect(port: number): Promise<PeerClient> {
      const target = `static:///127.0.0.1:${port}`;
      const client = createClient(ShapesServiceDefinition, target, options);
      return {
        unary: (request) => client.unary(request),
        serverStream: (request, onMessage) => readAll(client.serverStream(request), onMessage),
        bidi: (first, onMessage) => takeTurns((turns) => client.bidi(turns), first, onMessage),
        close: async () => client[Symbol.asyncDispose](),
      };
    },
  };
}
