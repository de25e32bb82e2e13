import type { Metadata } from 'nice-grpc-common';

/** PEM text or bytes. */
export type Pem = string | Uint8Array;

/** Certificates for one handshake. */
export interface TlsMaterial {
  /** Trusted roots; default the runtime's. On a server: who may have signed client certificates. */
  readonly ca?: Pem | readonly Pem[];
  /** This side's certificate chain, leaf first. A client gives one for mTLS. */
  readonly cert?: Pem;
  /** The key of `cert`. */
  readonly key?: Pem;
}

/** Material, or a function that is asked again before each new connection: that is the reload. */
export type TlsSource = TlsMaterial | (() => TlsMaterial | Promise<TlsMaterial>);

/** TLS on the client side. */
export interface TlsCredentials {
  readonly kind: 'tls';
  readonly source: TlsSource;
  /** The name to verify the server's certificate against; default the target's host. */
  readonly serverName?: string;
}

/** No TLS, said aloud. */
export interface InsecureCredentials {
  readonly kind: 'insecure';
}

export type ChannelCredentials = TlsCredentials | InsecureCredentials;

/** TLS on the server side. */
export interface ServerTlsCredentials {
  readonly kind: 'server-tls';
  readonly source: TlsSource;
  /**
   * Client certificates: `'none'` asks for none, `'verify'` verifies one that is given,
   * `'require'` refuses a handshake without a valid one. Default `'none'`.
   */
  readonly clientCertificate: 'none' | 'verify' | 'require';
  /** How often a `source` function is asked again, in ms; default 60 000. */
  readonly reloadMs: number;
}

export type ServerCredentials = ServerTlsCredentials | InsecureCredentials;

/**
 * Makes the credentials of one attempt: metadata that is added to it. Called per attempt, only
 * when the connection is encrypted (or the credentials allow plaintext, for loopback in tests).
 */
export interface CallCredentials {
  metadata(context: CallCredentialsContext): Promise<Metadata>;
}

export interface CallCredentialsContext {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The authority that the call goes to. */
  readonly authority: string;
  readonly signal: AbortSignal;
}

/** TLS for a client. Also for mTLS, when `cert` and `key` are given. */
export function tls(
  source: TlsSource = {},
  options: { readonly serverName?: string } = {},
): TlsCredentials {
  return { kind: 'tls', source, ...options };
}

/** Plaintext, for a client or a server. Needed wherever the address is not loopback. */
export function insecure(): InsecureCredentials {
  return { kind: 'insecure' };
}

/** TLS for a server; the certificate is asked for again every `reloadMs`. */
export function serverTls(
  source: TlsSource,
  options: {
    readonly clientCertificate?: ServerTlsCredentials['clientCertificate'];
    readonly reloadMs?: number;
  } = {},
): ServerTlsCredentials {
  const { clientCertificate = 'none', reloadMs = 60_000 } = options;
  return { kind: 'server-tls', source, clientCertificate, reloadMs };
}
