import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { Peer, PeerCertificate } from '../../core/transport.ts';
import { formatAddress } from '../../core/address.ts';

/** Who is at the other end of an accepted socket; the certificate only when it was verified. */
export function peerOf(socket: Socket | TLSSocket): Peer {
  const { remoteAddress, remotePort } = socket;
  const address =
    remoteAddress === undefined || remotePort === undefined
      ? 'unix:'
      : formatAddress({ kind: 'tcp', host: remoteAddress, port: remotePort });
  // HTTP/2 hands out a proxy of the socket, which `instanceof` sees through.
  if (!(socket instanceof TLSSocket)) return { address, secure: false, certificate: undefined };
  return { address, secure: true, certificate: certificateOf(socket) };
}

/** True for a client certificate that was given though nobody required one, and is not valid. */
export function presentsBadCertificate(socket: Socket | TLSSocket): boolean {
  if (!(socket instanceof TLSSocket) || socket.authorized) return false;
  return socket.getPeerCertificate()?.raw !== undefined;
}

function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  if (certificate?.fingerprint256 === undefined) return undefined;
  const { CN } = certificate.subject;
  return {
    commonName: Array.isArray(CN) ? CN[0] : CN,
    subjectAltNames: certificate.subjectaltname?.split(', ') ?? [],
    fingerprint256: certificate.fingerprint256,
  };
}
