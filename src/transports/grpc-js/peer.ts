import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { formatAddress } from '../../core/address.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Peer, PeerCertificate } from '../../core/transport.ts';
import { certificateProblem } from './connect-reason.ts';

/** The other end of an accepted connection. */
export interface Caller {
  readonly peer: Peer;
  /** What each of its calls is refused with: it gave a certificate that is not valid. */
  readonly refused: CallStatus | undefined;
}

/** Who is at the other end of an accepted socket. */
export function callerOf(socket: Socket | TLSSocket): Caller {
  const { remoteAddress, remotePort } = socket;
  const address =
    remoteAddress === undefined || remotePort === undefined
      ? 'unix:'
      : formatAddress({ kind: 'tcp', host: remoteAddress, port: remotePort });
  // HTTP/2 hands out a proxy of the socket, which `instanceof` sees through.
  if (!(socket instanceof TLSSocket)) {
    return { peer: { address, secure: false, certificate: undefined }, refused: undefined };
  }
  const peer = { address, secure: true, certificate: certificateOf(socket) };
  return { peer, refused: refusalOf(socket) };
}

/**
 * Where certificates are asked for but not required, Node lets everyone in and leaves the verdict
 * to the application: no certificate is a caller without a name, a bad one is an error.
 */
function refusalOf(socket: TLSSocket): CallStatus | undefined {
  if (socket.authorized || socket.getPeerCertificate()?.raw === undefined) return undefined;
  const problem = certificateProblem(String(socket.authorizationError));
  return { code: Status.UNAUTHENTICATED, details: `The client's certificate ${problem}` };
}

/** The certificate, only when it was verified. */
function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  if (certificate?.fingerprint256 === undefined) return undefined;
  const { CN } = certificate.subject;
  return {
    // Several common names name nobody: which of them a check means is anyone's guess.
    commonName: typeof CN === 'string' ? CN : undefined,
    subjectAltNames: parseAltNames(certificate.subjectaltname ?? ''),
    fingerprint256: certificate.fingerprint256,
  };
}

/**
 * Node joins the names with `, ` and writes one that could be taken for several as a JSON string,
 * in which a comma is escaped (CVE-2021-44532).
 */
function parseAltNames(text: string): string[] {
  if (text === '') return [];
  return text.split(', ').map((name) => {
    const quote = name.indexOf(':"') + 1;
    if (quote === 0 || !name.endsWith('"')) return name;
    return name.slice(0, quote) + String(JSON.parse(name.slice(quote)));
  });
}
