import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';

import * as grpc from '@grpc/grpc-js';

import { handshakeFailure, http2Failure } from './connect-reason.ts';
import type { ClientTls } from './tls.ts';

type SecureConnector = ReturnType<grpc.ChannelCredentials['_createSecureConnector']>;
type Connected = Awaited<ReturnType<SecureConnector['connect']>>;

/**
 * The way from a TCP socket to one for HTTP/2, for one connection. grpc-js's own leaves a socket
 * open whose peer accepts and then says nothing, sends an IP address as a server name, which
 * RFC 6066 forbids, and tells a failed handshake in OpenSSL's words.
 */
export class TrackedCredentials extends grpc.ChannelCredentials {
  private readonly tls: ClientTls | undefined;
  private readonly sockets = new Set<Socket>();
  private givenUp = false;
  private established = false;
  private failure: NodeJS.ErrnoException | undefined = undefined;

  /** `tls` is undefined for plaintext. */
  constructor(tls: ClientTls | undefined) {
    super();
    this.tls = tls;
  }

  /** grpc-js dials no more: by itself it would, a second after a dial that failed. */
  giveUp(): void {
    this.givenUp = true;
  }

  /** Ends what was opened, and what may still come: the connection is given up. */
  destroySockets(): void {
    this.giveUp();
    for (const socket of this.sockets) socket.destroy();
  }

  /** Why the connection failed, in words that say what to do; `text` is what grpc-js says. */
  explain(text: string): string {
    const { established, failure, tls } = this;
    if (tls !== undefined && failure !== undefined) {
      return handshakeFailure(failure, tls.serverName);
    }
    return established ? http2Failure(text, tls) : text;
  }

  _isSecure(): boolean {
    return this.tls !== undefined;
  }

  _equals(other: grpc.ChannelCredentials): boolean {
    return other === this;
  }

  _createSecureConnector(): SecureConnector {
    return {
      connect: (socket) => this.connect(socket),
      waitForReady: () => this.mayDial(),
      getCallCredentials: () => grpc.CallCredentials.createEmpty(),
      destroy: () => undefined,
    };
  }

  private async mayDial(): Promise<void> {
    if (this.givenUp) throw new Error('The connection was given up');
  }

  private async connect(socket: Socket): Promise<Connected> {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    if (this.givenUp) {
      socket.destroy();
      throw new Error('The connection was given up');
    }
    const { tls } = this;
    const connected =
      tls === undefined ? { socket, secure: false } : await this.handshake(socket, tls);
    this.established = true;
    return connected;
  }

  private handshake(socket: Socket, { context, serverName }: ClientTls): Promise<Connected> {
    return new Promise((resolve, reject) => {
      const secured = connect({
        socket,
        secureContext: context,
        ALPNProtocols: ['h2'],
        // Said aloud, for an environment variable would turn it off.
        rejectUnauthorized: true,
        ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
        checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
      });
      secured.once('secureConnect', () => resolve({ socket: secured, secure: true }));
      // Stays after the handshake: under TLS 1.3 a server refuses a client's certificate later.
      secured.on('error', (error: Error) => {
        this.failure ??= error;
        reject(error);
      });
      secured.once('close', () => reject(new Error('The connection was closed')));
    });
  }
}
