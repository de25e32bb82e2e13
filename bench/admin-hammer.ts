/** Asks an admin for all there is, as fast as it answers: started by `admin.ts`, told a port. */
import { connect } from 'node:net';

const CONNECTIONS = 64;
const PATHS = ['/metrics', '/snapshot', '/console/events', '/console/policy', '/readyz'];

let port: number | null = null;
let answered = 0;
let open = 0;

/** One connection after the other; each asks again with the first bytes of each answer. */
function hammer(index: number): void {
  if (port === null) return;
  open++;
  let at = index;
  const socket = connect(port, '127.0.0.1');
  const ask = (): void => {
    const path = PATHS[at++ % PATHS.length];
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  };
  let left = 0;
  socket.on('connect', ask);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (port === null) socket.destroy();
    if (left === 0) {
      const head = chunk.toString('latin1', 0, 2_000);
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      answered++;
      // A stream of events: it is left at once, and asked for anew.
      if (length === undefined) {
        socket.destroy();
        return;
      }
      left = Number(length) + head.indexOf('\r\n\r\n') + 4;
    }
    left = Math.max(0, left - chunk.length);
    if (left === 0 && port !== null) ask();
  });
  socket.on('close', () => {
    open--;
    setImmediate(() => hammer(index));
  });
}

process.on('message', (message: { readonly port: number | null }) => {
  port = message.port;
  process.send?.({ answered });
  answered = 0;
  if (port !== null) {
    for (let index = open; index < CONNECTIONS; index++) hammer(index);
  }
});
process.send?.({ ready: true });
