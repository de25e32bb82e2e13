import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';

import type { Pem, ServerTlsCredentials, TlsMaterial, TlsSource } from '../../core/credentials.ts';
import { checkPair, checkServerMaterial } from '../../core/credentials.ts';
import { ConfigError, describe } from '../../core/errors.ts';

/** The client's side of a TLS handshake. */
export interface ClientTls {
  readonly context: SecureContext;
  /** The name that the server's certificate must carry. */
  readonly serverName: string;
  /** True when `context` holds a certificate to show. */
  readonly hasCertificate: boolean;
}

/** Asks a source for its certificates. */
export async function readMaterial(source: TlsSource): Promise<TlsMaterial> {
  if (typeof source !== 'function') return source;
  try {
    return await source();
  } catch (error) {
    throw new ConfigError(`The TLS certificates cannot be read: ${describe(error)}`, {
      cause: error,
    });
  }
}

/** A server's certificates for node:tls; throws a `ConfigError` that names what is wrong. */
export function serverOptions(
  material: TlsMaterial,
  clientCertificate: ServerTlsCredentials['clientCertificate'],
): SecureContextOptions {
  checkServerMaterial(material, clientCertificate);
  return checkedOptions(material);
}

/** Contexts of material that is used again: one with a bundle of authorities takes milliseconds. */
const contexts = new WeakMap<
  TlsMaterial,
  { readonly of: TlsMaterial; readonly context: SecureContext }
>();

/** A client's certificates for node:tls; throws a `ConfigError` that names what is wrong. */
export function clientContext(material: TlsMaterial): SecureContext {
  const known = contexts.get(material);
  if (known !== undefined && isSame(known.of, material)) return known.context;
  checkPair(material);
  const context = createSecureContext(checkedOptions(material));
  contexts.set(material, { of: { ...material }, context });
  return context;
}

/** False where a source has put other certificates into the object that it returned before. */
function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}

function checkedOptions(material: TlsMaterial): SecureContextOptions {
  const { ca, cert, key } = material;
  const options: SecureContextOptions = { minVersion: 'TLSv1.2' };
  if (ca !== undefined) {
    const texts = listOf(ca).map(pemText);
    // node:tls takes anything for `ca`, and then trusts nobody.
    for (const text of texts) readCertificates(text, 'ca');
    options.ca = texts;
  }
  if (cert !== undefined && key !== undefined) {
    options.cert = pemText(cert);
    options.key = pemText(key);
    checkKey(readCertificates(options.cert, 'cert')[0], options.key);
  }
  try {
    createSecureContext(options);
  } catch (error) {
    throw new ConfigError(`The TLS certificates are refused: ${describe(error)}`, { cause: error });
  }
  return options;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, of which there must be one. */
function readCertificates(text: string, option: string): [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = (text.match(CERTIFICATE) ?? []).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new ConfigError(
        `A certificate in the TLS option \`${option}\` cannot be read: ${describe(error)}`,
        { cause: error },
      );
    }
  });
  if (first !== undefined) return [first, ...rest];
  throw new ConfigError(
    `The TLS option \`${option}\` holds no certificate: give the PEM text, not the name of a file`,
  );
}

function checkKey(leaf: X509Certificate, text: string): void {
  let matches: boolean;
  try {
    matches = leaf.checkPrivateKey(createPrivateKey(text));
  } catch (error) {
    throw new ConfigError(
      `The TLS option \`key\` cannot be read: ${describe(error)}. Give the PEM text, unencrypted`,
      { cause: error },
    );
  }
  if (!matches) throw new ConfigError('The TLS options `key` and `cert` do not belong together');
}

function listOf(pems: Pem | readonly Pem[]): readonly Pem[] {
  return typeof pems === 'string' || pems instanceof Uint8Array ? [pems] : pems;
}

function pemText(pem: Pem): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
}
