import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** Stands between a client and a server on this machine. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Bytes that clients have sent so far. */
  readonly sentBytes: number;
  /** Cuts every connection, without a word. */
  cut(): void;
}

/** Passes bytes on, and counts those that go to the server. */
export async function countingProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let sentBytes = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((incoming) => {
    const outgoing = keep(connect(targetPort, '127.0.0.1'));
    keep(incoming).on('data', (chunk) => {
      sentBytes += chunk.length;
    });
    incoming.pipe(outgoing).pipe(incoming);
    incoming.once('close', () => outgoing.destroy());
    outgoing.once('close', () => incoming.destroy());
  });
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get sentBytes() {
      return sentBytes;
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
