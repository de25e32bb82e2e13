import type { Metadata } from 'nice-grpc-common';

import { ConfigError } from './errors.ts';

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

/**
 * Material, or a function that is asked for it: by a client before each new connection, by a server
 * every `reloadMs`. That is the reload.
 */
export type TlsSource = TlsMaterial | (() => TlsMaterial | Promise<TlsMaterial>);

/** TLS on the client side. */
export interface TlsCredentials {
  readonly kind: 'tls';
  readonly source: TlsSource;
  /**
   * The name to verify the server's certificate against, and to ask for it by (SNI); default the
   * target's host. `:authority` stays the target's.
   */
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
   * Client certificates: `'none'` asks for none, `'verify'` refuses the connection when one is
   * given that is not valid, `'require'` also when none is given. Default `'none'`.
   */
  readonly clientCertificate: 'none' | 'verify' | 'require';
  /** How often a `source` function is asked again, in ms; default 60 000. */
  readonly reloadMs: number;
}

export type ServerCredentials = ServerTlsCredentials | InsecureCredentials;

/** Makes the credentials of one attempt: metadata that is added to it. */
export interface CallCredentials {
  /**
   * Called per attempt, only when its connection is encrypted. A rejection fails the attempt with
   * UNAUTHENTICATED and the error's own words.
   */
  metadata(context: CallCredentialsContext): Promise<Metadata>;
}

export interface CallCredentialsContext {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The authority that the call goes to. */
  readonly authority: string;
  /** Aborted once nobody waits for the metadata any more. */
  readonly signal: AbortSignal;
}

/** TLS for a client; for mTLS where `cert` and `key` are given. Throws a `ConfigError` for half. */
export function tls(
  source: TlsSource = {},
  options: { readonly serverName?: string } = {},
): TlsCredentials {
  if (typeof source !== 'function') checkPair(source);
  return { kind: 'tls', source, ...options };
}

/** Plaintext, for a client or a server. Needed wherever the address is not loopback. */
export function insecure(): InsecureCredentials {
  return { kind: 'insecure' };
}

/**
 * TLS for a server; a source that is a function is asked again every `reloadMs`. Throws a
 * `ConfigError` for material that no server can work with.
 */
export function serverTls(
  source: TlsSource,
  options: {
    readonly clientCertificate?: ServerTlsCredentials['clientCertificate'];
    readonly reloadMs?: number;
  } = {},
): ServerTlsCredentials {
  const { clientCertificate = 'none', reloadMs = 60_000 } = options;
  if (!(reloadMs > 0)) {
    throw new ConfigError(`reloadMs is ${reloadMs}: give a positive number of ms`);
  }
  if (typeof source !== 'function') checkServerMaterial(source, clientCertificate);
  return { kind: 'server-tls', source, clientCertificate, reloadMs };
}

/** Throws a `ConfigError` for a certificate without its key, or a key without its certificate. */
export function checkPair({ cert, key }: TlsMaterial): void {
  if ((cert === undefined) === (key === undefined)) return;
  const missing = cert === undefined ? 'cert' : 'key';
  throw new ConfigError(`TLS needs \`cert\` and \`key\` together: \`${missing}\` is missing`);
}

/** Throws a `ConfigError` for material that would refuse every client, or admit too many. */
export function checkServerMaterial(
  material: TlsMaterial,
  clientCertificate: ServerTlsCredentials['clientCertificate'],
): void {
  checkPair(material);
  if (material.cert === undefined) {
    throw new ConfigError('TLS on a server needs a certificate: give `cert` and `key`');
  }
  // Without, Node takes the public authorities: anyone with any web server's certificate gets in.
  if (clientCertificate !== 'none' && material.ca === undefined) {
    throw new ConfigError(
      `clientCertificate '${clientCertificate}' needs \`ca\`: the authority of the clients`,
    );
  }
}
