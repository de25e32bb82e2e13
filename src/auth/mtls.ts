import { ServerError, Status } from 'nice-grpc-common';

import type { PeerCertificate } from '../core/transport.ts';
import type { Authenticator } from '../interceptors/authentication.ts';

export interface MtlsOptions {
  /**
   * The caller's name from its certificate; undefined leaves the call to the next authenticator.
   * Default: the URI among the alternative names (SPIFFE), else the first DNS name, else the common
   * name.
   */
  readonly name?: (certificate: PeerCertificate) => string | undefined;
}

/**
 * Knows callers by the client certificate that their connection was opened with, verified in its
 * handshake. Needs `serverTls(…, { clientCertificate: 'require' })`, or `'verify'` where callers
 * may come without one: those are left to the next authenticator.
 *
 * The identity: scheme `'mtls'`, the name as subject, and the certificate as claims (`commonName`,
 * `subjectAltNames`, `fingerprint256`).
 */
export function mtls(options: MtlsOptions = {}): Authenticator {
  const { name = defaultName } = options;
  return async (call) => {
    const { certificate } = call.peer;
    if (certificate === undefined) return undefined;
    const subject = name(certificate);
    if (subject === undefined || subject === '') return undefined;
    return { scheme: 'mtls', subject, claims: { ...certificate } };
  };
}

function defaultName({ subjectAltNames, commonName }: PeerCertificate): string | undefined {
  const uris = namesOf(subjectAltNames, 'URI:');
  // X509-SVID, section 2: a certificate with more than one is not to be believed.
  if (uris.length > 1 && uris.some((uri) => uri.startsWith('spiffe://'))) {
    const details = "The client's certificate names more than one SPIFFE identity";
    throw new ServerError(Status.UNAUTHENTICATED, details);
  }
  return uris[0] ?? namesOf(subjectAltNames, 'DNS:')[0] ?? commonName;
}

function namesOf(names: readonly string[], kind: string): string[] {
  return names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
}
