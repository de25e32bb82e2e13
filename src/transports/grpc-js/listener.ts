import type {
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import { constants } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

import type { Address, Dispatch, ListenOptions, Listener } from '../../core/transport.ts';
import type { Caller } from './peer.ts';
import { callerOf } from './peer.ts';
import type { AnyServer } from './make-server.ts';
import { listenError, makeServer, WINDOW_BYTES } from './make-server.ts';
import { isGrpc } from './request-headers.ts';
import { Http2ServerWire } from './server-wire.ts';

/** Largest GOAWAY stream id: "no new streams please, those under way are still served". */
const MAX_STREAM_ID = 2 ** 31 - 1;

/** How long a peer has to answer the PING between the two GOAWAYs, in ms. */
const GOODBYE_MS = 1_000;

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
  private readonly stopReload: (() => void) | undefined;
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly sockets = new Set<Socket>();
  private draining = false;
  private bound: Address = { kind: 'tcp', host: '', port: 0 };

  constructor(
    server: AnyServer,
    options: ListenOptions,
    dispatch: Dispatch,
    stopReload: (() => void) | undefined,
  ) {
    this.server = server;
    this.options = options;
    this.stopReload = stopReload;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    server.on('session', (session) => this.accept(session));
    server.on('sessionError', ignore);
    server.on('stream', onStream(options, dispatch));
  }

  get address(): Address {
    return this.bound;
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

  /** GOAWAY(2³¹−1), a PING to know that it arrived, GOAWAY(last id), then the calls finish. */
  drain(): Promise<void> {
    const closed = this.stopAccepting();
    this.draining = true;
    this.dropSilentSockets();
    for (const session of this.sessions) this.sayGoodbye(session);
    return closed;
  }

  private sayGoodbye(session: ServerHttp2Session): void {
    if (session.destroyed || session.closed) return;
    const { clock } = this.options.runtime;
    const close = (): void => {
      timer.clear();
      session.close();
    };
    // A peer that is going away itself answers no ping.
    const timer = clock.setTimer(clock.now() + GOODBYE_MS, close);
    session.once('close', close);
    session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID);
    session.ping(close);
  }

  close(): Promise<void> {
    const closed = this.stopAccepting();
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
    return closed;
  }

  /** A peer that never finished its handshake must not hold up a drain. */
  private dropSilentSockets(): void {
    if (this.sessions.size > 0) return;
    for (const socket of this.sockets) socket.destroy();
  }

  private stopAccepting(): Promise<void> {
    this.stopReload?.();
    return new Promise((resolve) => {
      this.server.close(() => resolve());
    });
  }

  private accept(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.setLocalWindowSize(WINDOW_BYTES);
    session.on('error', ignore);
    // Its handshake ended after the drain began.
    if (this.draining) this.sayGoodbye(session);
    const silent = setTimeout(() => session.destroy(), this.options.handshakeTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(silent));
    session.once('close', () => {
      clearTimeout(silent);
      this.sessions.delete(session);
      if (this.draining) this.dropSilentSockets();
    });
  }
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

/** Hands each stream on as a wire; who calls is found out once a connection. */
function onStream(options: ListenOptions, dispatch: Dispatch): StreamListener {
  const callers = new WeakMap<Http2Session, Caller>();
  return (stream, headers, _flags, rawHeaders) => {
    const { session } = stream;
    if (session === undefined || !isGrpc(stream, headers)) return;
    let caller = callers.get(session);
    if (caller === undefined) {
      caller = callerOf(session.socket);
      callers.set(session, caller);
    }
    dispatch(new Http2ServerWire(stream, headers, rawHeaders, caller, options.limits));
  };
}

function ignore(): void {
  // Broken connections and handshakes end by themselves; without a listener they end the process.
}
