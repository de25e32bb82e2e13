import type { KeyObject } from 'node:crypto';

import { ConfigError } from '../core/errors.ts';

/** RSA keys below this are refused (RFC 7518, 3.3), in bits. */
const MIN_RSA_BITS = 2048;

/** Algorithms of RFC 7518, 3.1 and RFC 8037 but `none`, and what key each needs. */
const KEY_OF: Readonly<Record<string, string>> = {
  HS256: 'secret',
  HS384: 'secret',
  HS512: 'secret',
  RS256: 'rsa',
  RS384: 'rsa',
  RS512: 'rsa',
  PS256: 'rsa',
  PS384: 'rsa',
  PS512: 'rsa',
  ES256: 'ec prime256v1',
  ES384: 'ec secp384r1',
  ES512: 'ec secp521r1',
  EdDSA: 'ed25519',
  Ed25519: 'ed25519',
};

/** The allow-list, when each entry is one that a signature can be checked with. */
export function checkAlgorithms(algorithms: readonly string[] | undefined): readonly string[] {
  const known = Object.keys(KEY_OF).join(', ');
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new ConfigError(`jwt needs \`algorithms\`, the ones that are accepted, of ${known}`);
  }
  for (const algorithm of algorithms as readonly string[]) {
    if (!Object.hasOwn(KEY_OF, algorithm)) {
      throw new ConfigError(`jwt does not accept the algorithm '${algorithm}'; it may be ${known}`);
    }
  }
  return algorithms as readonly string[];
}

/**
 * Throws unless the key suits every algorithm. This is what keeps a public key, which everybody
 * has, from being taken for the shared secret of an `HS*` token (RFC 8725, 2.1).
 */
export function checkKeySuits(key: KeyObject, algorithms: readonly string[]): void {
  const kind = kindOf(key);
  for (const algorithm of algorithms) {
    if (KEY_OF[algorithm] !== kind) {
      throw new ConfigError(
        `The key given to jwt (${kind}) is none for the algorithm ${algorithm}`,
      );
    }
    // HS256 wants 256 bits at least (RFC 7518, 3.2).
    const bytes = Number(algorithm.slice(2)) / 8;
    if (kind === 'secret' && (key.symmetricKeySize ?? 0) < bytes) {
      throw new ConfigError(
        `The secret given to jwt is too short: ${algorithm} needs ${bytes} bytes`,
      );
    }
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    throw new ConfigError(`The RSA key given to jwt has ${bits} bits; it needs ${MIN_RSA_BITS}`);
  }
}

/** Key sets are public: a secret in one would be none. */
export function checkAsymmetric(algorithms: readonly string[]): void {
  const secret = algorithms.find((algorithm) => KEY_OF[algorithm] === 'secret');
  if (secret === undefined) return;
  throw new ConfigError(`${secret} needs a shared secret, which a set of public keys cannot hold`);
}

function kindOf(key: KeyObject): string {
  if (key.type === 'secret') return 'secret';
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return [key.asymmetricKeyType, curve].filter(Boolean).join(' ');
}
