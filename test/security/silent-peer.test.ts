import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { once } from 'node:events';

import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, insecure, tls } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { deferred, testRuntime } from '../support/harness.ts';
import { authority, echo, failure } from './secure-server.ts';

/** Accepts connections and says nothing. */
async function startSilent() {
  const accepted = deferred<Socket>();
  const spokenTo = deferred();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => spokenTo.resolve());
    accepted.resolve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    accepted: accepted.promise,
    /** The client has begun its half of the handshake. */
    spokenTo: spokenTo.promise,
    connections: () => {
      const counted = deferred<number>();
      server.getConnections((error, count) => {
        if (error === null) counted.resolve(count);
        else counted.reject(error);
      });
      return counted.promise;
    },
    async [Symbol.asyncDispose]() {
      (await accepted.promise).destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a peer that accepts TCP and stays silent', () => {
  it.each([
    ['TLS', tls({ ca: authority.ca })],
    ['plaintext', insecure()],
  ])(
    '%s: the connection ends by its timeout, and its socket with it',
    async (_what, credentials) => {
      await using peer = await startSilent();
      const clock = new ManualClock();
      const runtime = { ...testRuntime(), clock };
      const target = `static:///127.0.0.1:${peer.port}`;
      const defaults = { retry: false } as const;
      const options = { runtime, credentials, connectTimeoutMs: 20_000, defaults };
      await using client = createClient(ShapesServiceDefinition, target, options);
      const call = failure(client.unary({}, { timeoutMs: Number.POSITIVE_INFINITY }));
      const socket = await peer.accepted;
      const closed = once(socket, 'close');
      expect(await peer.connections()).toBe(1);

      clock.advance(20_000);
      const error = await call;
      expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
      expect(error.details).toMatch(/no HTTP\/2 connection within 20000 ms/);
      await closed;
      expect(await peer.connections()).toBe(0);
    },
  );

  it.each([
    ['before the client has said anything', false],
    ['in the middle of the handshake', true],
  ])('a client that is closed %s takes the socket along', async (_what, spoken) => {
    await using peer = await startSilent();
    const target = `static:///127.0.0.1:${peer.port}`;
    const credentials = tls({ ca: authority.ca });
    const runtime = testRuntime();
    const client = createClient(ShapesServiceDefinition, target, { runtime, credentials });
    const call = failure(echo(client, 'unheard'));
    const closed = once(await peer.accepted, 'close');
    if (spoken) await peer.spokenTo;

    await client[Symbol.asyncDispose]();
    expect((await call).code).toBe(Status.UNAVAILABLE);
    await closed;
    expect(await peer.connections()).toBe(0);
  });
});
