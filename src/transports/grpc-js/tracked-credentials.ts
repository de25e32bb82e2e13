import type { Socket } from 'node:net';

import type { CallCredentials, ChannelOptions } from '@grpc/grpc-js';
import * as grpc from '@grpc/grpc-js';

type Target = Parameters<grpc.ChannelCredentials['_createSecureConnector']>[0];
type SecureConnector = ReturnType<grpc.ChannelCredentials['_createSecureConnector']>;

/**
 * Credentials that know their socket. grpc-js leaves a socket open whose peer accepts and then
 * says nothing; a connection that gives up after its connect timeout must take it along.
 */
export class TrackedCredentials extends grpc.ChannelCredentials {
  private readonly inner: grpc.ChannelCredentials;
  private readonly sockets = new Set<Socket>();

  constructor(inner: grpc.ChannelCredentials) {
    super();
    this.inner = inner;
  }

  destroySockets(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  _isSecure(): boolean {
    return this.inner._isSecure();
  }

  _equals(other: grpc.ChannelCredentials): boolean {
    return other === this;
  }

  _createSecureConnector(
    target: Target,
    options: ChannelOptions,
    credentials?: CallCredentials,
  ): SecureConnector {
    const connector = this.inner._createSecureConnector(target, options, credentials);
    return {
      connect: (socket) => {
        this.sockets.add(socket);
        socket.once('close', () => this.sockets.delete(socket));
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
