import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { createServer as createNetServer } from 'node:net';

import { formatHostPort } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { ListenError } from '../../core/errors.ts';
import type { Served } from './connections.ts';
import { Connections } from './connections.ts';
import type { Pacer } from './pacer.ts';
import type { Reply } from './reply.ts';
import { json, send } from './reply.ts';

/** Bytes of an answer that cost as much as a turn does. */
const BYTES_A_TURN = 16 * 1024;

/** Requests after which a connection is to be opened anew. */
const REQUESTS_A_CONNECTION = 1_000;

/** One request and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path, without the query. */
  readonly path: string;
  /** It is answered for as long as its reader stays, with so many bytes at once. */
  readonly stream: (bytes: number) => void;
}

export interface HttpOptions {
  readonly clock: Clock;
  readonly pacer: Pacer;
  /** Turns of `probes`, which nothing else takes: an answer of 1 MB makes no probe wait. */
  readonly probePacer: Pacer;
  /** Paths that an orchestrator asks, and ends a process for that answers late. */
  readonly probes: ReadonlySet<string>;
  /** Told of what a request cannot be answered for. */
  readonly failed: (error: unknown, path: string) => void;
  /** Undefined where it answers by itself. */
  readonly answer: (exchange: Exchange) => Reply | undefined | Promise<Reply | undefined>;
}

/**
 * HTTP/1.1 for a few readers who may not get in the way of calls: sockets are accepted unread, some
 * of them are served, each has one request at a time, and each request waits for its turn.
 */
export class HttpListener {
  private readonly options: HttpOptions;
  private readonly http: HttpServer;
  private readonly net: NetServer;
  private readonly connections: Connections;

  constructor(options: HttpOptions) {
    this.options = options;
    this.http = createHttpServer({ noDelay: true }, (request, response) => {
      void this.exchange(request, response);
    });
    this.http.maxRequestsPerSocket = REQUESTS_A_CONNECTION;
    this.connections = new Connections(options.clock, (socket) => {
      this.http.emit('connection', socket);
    });
    this.net = createNetServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    this.net.on('connection', (socket) => this.connections.add(socket));
  }

  /** Opens an address; its port is the one it got. Rejects with a `ListenError`. */
  async listen(host: string, port: number): Promise<number> {
    const { net } = this;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    net.once('error', reject);
    net.listen({ host, port, exclusive: true }, resolve);
    try {
      await promise;
    } catch (error) {
      const address = formatHostPort(host, port);
      const cause = error as NodeJS.ErrnoException;
      const why =
        cause.code === 'EADDRINUSE'
          ? 'it is in use; stop the process that holds it, or listen on port 0 for a free one'
          : cause.message;
      throw new ListenError(address, `The admin listener cannot have ${address}: ${why}`, cause);
    }
    net.unref();
    return (net.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.net.close(() => resolve()));
    this.connections.close();
    await closed;
  }

  private async exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const served = this.connections.begin(request);
    if (served === undefined) {
      request.socket.destroy();
      return;
    }
    response.once('close', () => this.connections.enter(served, 'idle'));
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const { pacer, probePacer, probes } = this.options;
    const isProbe = probes.has(path);
    const turn = (isProbe ? probePacer : pacer).turn();
    if (turn !== undefined) await turn;
    if (response.destroyed) return;
    const reply = await this.reply({ request, response, path, stream: this.streamOf(served) });
    if (reply === undefined || response.headersSent || response.destroyed) return;
    const close = this.connections.crowded || !request.complete;
    if (!isProbe) this.charge(Buffer.byteLength(reply.body));
    this.connections.enter(served, 'sending');
    send(response, reply, close);
  }

  private charge(bytes: number): void {
    this.options.pacer.charge(bytes / BYTES_A_TURN);
  }

  private streamOf(served: Served): Exchange['stream'] {
    return (bytes) => {
      this.connections.enter(served, 'streaming');
      this.charge(bytes);
    };
  }

  private async reply(exchange: Exchange): Promise<Reply | undefined> {
    try {
      return await this.options.answer(exchange);
    } catch (error) {
      // Whoever leaves before the request is whole is the failure, and hears of none.
      if (exchange.response.destroyed) return undefined;
      this.options.failed(error, exchange.path);
      return json(500, { error: 'This could not be answered: the log tells why' });
    }
  }
}
