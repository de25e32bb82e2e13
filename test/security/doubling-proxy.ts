import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const HEADERS = 0x1;

/** Stands between a client and a server, and can do what no client library lets itself be told. */
export interface DoublingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that clients have opened so far. */
  readonly accepted: number;
  /** The next request gets one more `authorization` header with this value. */
  addToNext(value: string): void;
}

export async function startDoublingProxy(serverPort: number): Promise<DoublingProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let added: string | undefined;
  const server = createServer((client) => {
    accepted++;
    const upstream = connect(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => [client, upstream].forEach((end) => end.destroy()));
    }
    upstream.pipe(client);
    const frames = new FrameReader();
    client.on('data', (chunk) => {
      for (const frame of frames.push(chunk)) {
        const doubled = added !== undefined && frame[3] === HEADERS;
        upstream.write(doubled ? append(frame, authorization(String(added))) : frame);
        if (doubled) added = undefined;
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    addToNext(value) {
      added = value;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Cuts what a client sends into its preface and whole frames. */
class FrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private begun = false;

  push(chunk: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    for (let size = this.nextSize(); size <= this.rest.length; size = this.nextSize()) {
      frames.push(this.rest.subarray(0, size));
      this.rest = this.rest.subarray(size);
      this.begun = true;
    }
    return frames;
  }

  private nextSize(): number {
    if (!this.begun) return PREFACE_BYTES;
    if (this.rest.length < FRAME_HEADER_BYTES) return Number.POSITIVE_INFINITY;
    return FRAME_HEADER_BYTES + this.rest.readUIntBE(0, 3);
  }
}

/** A frame with more at its end. */
function append(frame: Buffer, more: Buffer): Buffer {
  const longer = Buffer.concat([frame, more]);
  longer.writeUIntBE(longer.length - FRAME_HEADER_BYTES, 0, 3);
  return longer;
}

/**
 * `authorization` as HPACK's literal without indexing, which changes no table: entry 23 of the
 * static one, and a value without Huffman coding (RFC 7541, 6.2.2).
 */
function authorization(value: string): Buffer {
  return Buffer.concat([Buffer.of(0x0f, 23 - 15, value.length), Buffer.from(value)]);
}
