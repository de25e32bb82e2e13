import type { Transport } from '../../core/transport.ts';
import { GrpcJsConnection } from './connection.ts';
import { listen } from './listener.ts';

/** gRPC over HTTP/2 sockets: TCP or unix, plain or TLS. The default. */
export function grpcJsTransport(): Transport {
  return {
    name: 'grpc-js',
    connect: (address, options) => new GrpcJsConnection(address, options),
    listen,
  };
}
