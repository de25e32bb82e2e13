import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { TlsMaterial } from '../core/credentials.ts';
import { ConfigError } from '../core/errors.ts';

/** Names of PEM files. */
export interface TlsFiles {
  /** Trusted authorities, one or more in a file. */
  readonly ca?: string;
  /** This side's certificate chain, leaf first. */
  readonly cert?: string;
  /** The key of `cert`. */
  readonly key?: string;
}

/**
 * Certificates from files, for `tls()` and `serverTls()`, read anew whenever they are asked for: a
 * client takes renewed files into use with its next connection, a server within `reloadMs`. Files
 * that are unchanged give the same material again, which costs no new TLS context.
 *
 * Certificate and key are two files, so a reader may come between their two writes. Files that do
 * not belong together are read once more, and then refused with a `ConfigError`: a server keeps
 * the last good ones, a client tries again at its next dial.
 */
export function tlsFiles(files: TlsFiles): () => Promise<TlsMaterial> {
  let last: TlsMaterial = {};
  return async () => {
    let material = await readAll(files);
    if (!belongTogether(material)) material = await readAll(files);
    if (!belongTogether(material)) {
      throw new ConfigError(`${files.cert} and ${files.key} do not belong together`);
    }
    if (!isSame(material, last)) last = material;
    return last;
  };
}

async function readAll({ ca, cert, key }: TlsFiles): Promise<TlsMaterial> {
  const [caText, certText, keyText] = await Promise.all([
    readText(ca),
    readText(cert),
    readText(key),
  ]);
  return {
    ...(caText === undefined ? {} : { ca: caText }),
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
  };
}

async function readText(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return readFile(file, 'utf8');
}

/** False for a key of another certificate. What is no PEM at all is told by who uses it. */
function belongTogether({ cert, key }: TlsMaterial): boolean {
  if (cert === undefined || key === undefined) return true;
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(String(key)));
  } catch {
    return true;
  }
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}
