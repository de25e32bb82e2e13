import { createServer, type Http2Server } from 'node:http2';

import { type ConnectRouter, createClient } from '@connectrpc/connect';
import {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';

import type { Sample } from '../../generated/inboard/testing/v1/shapes.ts';
import { decodeSample, encodeSample, shapesService } from './connect-contract.ts';
import { readAll, takeTurns } from './iterables.ts';
import type { Peer, PeerClient, PeerServer } from './peer.ts';

/** connect-node, speaking the gRPC protocol over cleartext HTTP/2 on both sides. */
export const connectNode: Peer = { startServer, connect };

function routes(router: ConnectRouter): void {
  // Each handler decodes and encodes the sample, as every other row's server does.
  router.service(shapesService, {
    async unary(request) {
      return { sample: encodeSample(decodeSample(request.sample)) };
    },

    async *serverStream(request) {
      const sample = decodeSample(request.sample);
      for (let index = 0; index < request.count; index++) {
        yield { index, sample: encodeSample(sample) };
      }
    },

    async *bidi(requests) {
      let index = 0;
      for await (const request of requests) {
        yield { index: index++, sample: encodeSample(decodeSample(request.sample)) };
      }
    },
  });
}

async function startServer(): Promise<PeerServer> {
  const server = createServer(connectNodeAdapter({ routes }));
  const port = await listen(server);
  return {
    port,
    close: async () => {
      server.close();
    },
  };
}

function listen(server: Http2Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port was bound'));
      else resolve(address.port);
    });
  });
}

async function connect(port: number): Promise<PeerClient> {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  // By default responses of 1 KiB and more are gzipped, which no other row does.
  const transport = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });
  const client = createClient(shapesService, transport);
  return {
    async unary(request) {
      const response = await client.unary(wrap(request));
      return { sample: decodeSample(response.sample) };
    },
    serverStream(request, onMessage) {
      const responses = client.serverStream({ count: request.count, ...wrap(request) });
      return readAll(responses, (response) => onMessage(unwrap(response)));
    },
    bidi: (first, onMessage) =>
      takeTurns(
        (turns: AsyncIterable<{ sample: Uint8Array }>) => client.bidi(turns),
        wrap(first),
        (response) => {
          const next = onMessage(unwrap(response));
          return next === undefined ? undefined : wrap(next);
        },
      ),
    close: async () => sessionManager.abort(),
  };
}

function wrap(message: { readonly sample: Sample | undefined }): { sample: Uint8Array } {
  return { sample: encodeSample(message.sample) };
}

function unwrap(message: { index: number; sample: Uint8Array }): { index: number; sample: Sample } {
  return { index: message.index, sample: decodeSample(message.sample) };
}
