import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Server as NetServer } from 'node:net';

import type { Address, Dispatch, ListenOptions, Listener } from '../../core/transport.ts';
import type { AnyServer } from './make-server.ts';
import { listenError, makeServer, WINDOW_BYTES } from './make-server.ts';
import { isGrpc } from './request-headers.ts';
import { ServerConnection } from './server-connection.ts';
import { Http2ServerWire } from './server-wire.ts';

/** How long what was just sent may take to leave when all is closed, in ms. */
const FLUSH_MS = 250;

/**
 * Listens for gRPC over HTTP/2. It stands on `node:http2`, as grpc-js's own server does, and not on
 * that server, which hides the headers it misreads (a malformed or 30-day `grpc-timeout`, a second
 * `authorization`) and answers unknown methods before any layer sees them.
 */
export async function listen(
  address: Address,
  options: ListenOptions,
  dispatch: Dispatch,
): Promise<Listener> {
  const { server, stopReload } = await makeServer(options);
  const listener = new Http2Listener(server, options, dispatch, stopReload);
  try {
    await listener.open(address);
  } catch (error) {
    stopReload?.();
    throw listenError(address, error as NodeJS.ErrnoException);
  }
  return listener;
}

class Http2Listener implements Listener {
  private readonly server: AnyServer;
  private readonly options: ListenOptions;
  private readonly dispatch: Dispatch;
  private readonly stopReload: (() => void) | undefined;
  private readonly sessions = new Map<ServerHttp2Session, ServerConnection>();
  private readonly sockets = new Set<Socket>();
  private readonly perAddress = new Map<string, number>();
  private readonly whenClosed = Promise.withResolvers<void>();
  private serverClosed = false;
  /** Set once nothing is accepted any more. */
  private leaving = false;
  private bound: Address = { kind: 'tcp', host: '', port: 0 };

  constructor(
    server: AnyServer,
    options: ListenOptions,
    dispatch: Dispatch,
    stopReload: (() => void) | undefined,
  ) {
    this.server = server;
    this.options = options;
    this.dispatch = dispatch;
    this.stopReload = stopReload;
    server.on('connection', (socket: Socket) => this.admit(socket));
    server.on('session', (session) => this.accept(session));
    server.on('sessionError', ignore);
    server.on('stream', this.onStream());
  }

  get address(): Address {
    return this.bound;
  }

  get connections(): number {
    return this.sessions.size;
  }

  open(address: Address): Promise<void> {
    const { server } = this;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const opened = (): void => {
        server.off('error', reject);
        const { port } = (server.address() ?? {}) as Partial<AddressInfo>;
        this.bound = address.kind === 'tcp' ? { ...address, port: port ?? address.port } : address;
        resolve();
      };
      if (address.kind === 'tcp') server.listen(address.port, address.host, opened);
      else server.listen(address.path, opened);
    });
  }

  async sayGoodbye(): Promise<void> {
    this.stopAccepting();
    this.dropSilentSockets();
    await Promise.all([...this.sessions.values()].map((connection) => connection.sayGoodbye()));
  }

  closed(): Promise<void> {
    return this.whenClosed.promise;
  }

  close(): Promise<void> {
    this.stopAccepting();
    for (const [session, connection] of this.sessions) {
      if (connection.busy) session.close();
      else session.destroy();
    }
    this.dropSilentSockets();
    // A peer that reads nothing must not hold this up.
    const timer = setTimeout(() => this.destroyAll(), FLUSH_MS);
    return this.closed().finally(() => clearTimeout(timer));
  }

  private destroyAll(): void {
    for (const session of this.sessions.keys()) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }

  /** A peer that never finished its handshake must not hold up a drain. */
  private dropSilentSockets(): void {
    if (this.sessions.size > 0) return;
    for (const socket of this.sockets) socket.destroy();
  }

  private stopAccepting(): void {
    if (this.leaving) return;
    this.leaving = true;
    this.stopReload?.();
    // HTTP/2's own `close` would close every session too, before it is told to go elsewhere.
    NetServer.prototype.close.call(this.server, () => {
      this.serverClosed = true;
      this.settle();
    });
  }

  /** A session tells of its end after its socket has closed. */
  private settle(): void {
    if (this.serverClosed && this.sessions.size === 0) this.whenClosed.resolve();
  }

  /** Counts connections by address, and closes what is too many before a byte is read. */
  private admit(socket: Socket): void {
    const { sockets, perAddress } = this;
    // A unix socket has no address: its peers are not told apart.
    const { remoteAddress = '' } = socket;
    const open = perAddress.get(remoteAddress) ?? 0;
    if (remoteAddress !== '' && open >= this.options.connections.maxPerAddress) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    perAddress.set(remoteAddress, open + 1);
    socket.once('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(remoteAddress) ?? 1) - 1;
      if (left === 0) perAddress.delete(remoteAddress);
      else perAddress.set(remoteAddress, left);
    });
  }

  private accept(session: ServerHttp2Session): void {
    const connection = new ServerConnection(session, this.options);
    this.sessions.set(session, connection);
    session.setLocalWindowSize(WINDOW_BYTES);
    session.on('error', ignore);
    // Its handshake ended after the drain began.
    if (this.leaving) void connection.sayGoodbye();
    const silent = setTimeout(() => session.destroy(), this.options.handshakeTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(silent));
    session.once('close', () => {
      clearTimeout(silent);
      this.sessions.delete(session);
      if (this.leaving) this.dropSilentSockets();
      this.settle();
    });
  }

  /** Hands each stream on as a wire. */
  private onStream(): StreamListener {
    const { sessions, dispatch, options } = this;
    return (stream, headers, _flags, rawHeaders) => {
      const connection = sessions.get(stream.session as ServerHttp2Session);
      // Its connection has closed before anyone was told of it.
      if (connection === undefined) stream.on('error', ignore);
      else if (isGrpc(stream, headers))
        dispatch(new Http2ServerWire(stream, headers, rawHeaders, connection, options.limits));
    };
  }
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

function ignore(): void {
  // Broken connections and handshakes end by themselves; without a listener they end the process.
}
