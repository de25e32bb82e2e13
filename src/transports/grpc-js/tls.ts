import type { SecureContextOptions } from 'node:tls';

import type { Pem, TlsMaterial, TlsSource } from '../../core/credentials.ts';
import { ConfigError, describe } from '../../core/errors.ts';

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

/** Certificates in the form that node:tls takes. */
export function materialOptions(material: TlsMaterial): SecureContextOptions {
  const { ca, cert, key } = material;
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('TLS needs `cert` and `key` together; one of them is missing');
  }
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: Array.isArray(ca) ? ca.map(pem) : pem(ca as Pem) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
  };
}

function pem(value: Pem): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value);
}
