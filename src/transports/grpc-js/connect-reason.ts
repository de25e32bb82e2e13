import type { PeerCertificate } from 'node:tls';

import type { ClientTls } from './tls.ts';

/** What OpenSSL's verdicts on a certificate mean, to follow "the certificate". */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed and not trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is signed by an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is signed by an unknown authority',
  CERT_SIGNATURE_FAILURE: 'has a signature that does not verify',
  CERT_REVOKED: 'was revoked',
  INVALID_PURPOSE: 'was made for another purpose',
};

/** What is wrong with a certificate, by node:tls's error code, to follow "the certificate". */
export function certificateProblem(code: string): string {
  return CERTIFICATE_PROBLEMS[code] ?? `was not accepted (${code})`;
}

/** Why a TLS handshake with a server failed. */
export function handshakeFailure(error: NodeJS.ErrnoException, serverName: string): string {
  const { code = '' } = error;
  if (Object.hasOwn(CERTIFICATE_PROBLEMS, code)) {
    return `the server's certificate ${certificateProblem(code)} (${code})`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(error, serverName);
  const alert = /alert (.+)/.exec(opensslReason(error))?.[1];
  if (alert !== undefined) return refusedByServer(alert);
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'the server does not answer in TLS: it may serve plaintext, or this is the wrong port';
  }
  if (code === 'ECONNRESET') return 'the server closed the connection during the TLS handshake';
  return `the TLS handshake failed: ${opensslReason(error)}`;
}

/** Why HTTP/2 did not begin on a socket that stood; `text` is the system's own words, if any. */
export function http2Failure(text: string, tls: ClientTls | undefined): string {
  // What grpc-js says of a socket that was closed without an error.
  const why = text === 'Failed to connect' ? 'the server closed the connection' : text;
  if (tls === undefined) return `${why} before HTTP/2 began: does it expect TLS?`;
  const likely = tls.hasCertificate
    ? "it may not accept this client's certificate"
    : 'it may ask for a client certificate, or not speak HTTP/2';
  return `${why} after the TLS handshake, before HTTP/2 began: ${likely}`;
}

function wrongName(error: NodeJS.ErrnoException, serverName: string): string {
  const { cert } = error as { cert?: Partial<PeerCertificate> };
  const names = cert?.subjectaltname ?? cert?.subject?.CN?.toString();
  return `the server's certificate is for ${names ?? 'nobody'}, not for '${serverName}'`;
}

/** What a server's TLS alert says (RFC 8446, 6.2). */
function refusedByServer(alert: string): string {
  const text = alert.trim();
  if (/certificate required/.test(text)) return 'the server requires a client certificate';
  if (/certificate|unknown ca/.test(text)) {
    return `the server does not accept this client's certificate (${text})`;
  }
  return `the server refused the TLS handshake (${text})`;
}

/** OpenSSL's reason, without its file names and addresses. */
function opensslReason(error: NodeJS.ErrnoException): string {
  const { reason } = error as { reason?: unknown };
  return typeof reason === 'string' ? reason : error.message;
}
