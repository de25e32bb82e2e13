import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';

import type { JSONWebKeySet, JWTVerifyGetKey, RemoteJWKSet } from 'jose';
import { createLocalJWKSet, createRemoteJWKSet } from 'jose';

import { isLoopback } from '../core/address.ts';
import { ConfigError, describe } from '../core/errors.ts';
import type { Logger } from '../core/call-runtime.ts';
import { checkAsymmetric, checkKeySuits } from './jwt-algorithms.ts';

/**
 * A public key as PEM text (also that of a certificate) or `KeyObject`, or a shared secret as
 * bytes, text or `KeyObject`.
 */
export type JwtKey = string | Uint8Array | KeyObject;

/** How long fetched keys are used before they are fetched again, in ms. */
const RENEW_AFTER_MS = 600_000;

/** Finds the key for a token, or what finds it. */
export type KeySource = (logger: Logger) => Promise<KeyObject | JWTVerifyGetKey>;

interface KeyOptions {
  readonly key?: JwtKey;
  readonly jwks?: JSONWebKeySet;
  readonly jwksUrl?: string | URL;
}

/** The one source of keys that the options name; throws a `ConfigError` for none or several. */
export function keySource(
  { key, jwks, jwksUrl }: KeyOptions,
  algorithms: readonly string[],
  nowMs: () => number,
): KeySource {
  if ([key, jwks, jwksUrl].filter((option) => option !== undefined).length !== 1) {
    throw new ConfigError('jwt needs one of `key`, `jwks` and `jwksUrl`');
  }
  if (key !== undefined) {
    const parsed = parseKey(key);
    checkKeySuits(parsed, algorithms);
    return async () => parsed;
  }
  checkAsymmetric(algorithms);
  if (jwks === undefined) return remoteKeys(keysUrl(String(jwksUrl)), nowMs);
  const local = localKeys(jwks);
  return async () => local;
}

function parseKey(key: JwtKey): KeyObject {
  if (key instanceof KeyObject) {
    if (key.type !== 'private') return key;
    throw new ConfigError('jwt got a private key: verifying takes the public one alone');
  }
  const bytes = Buffer.from(key);
  const text = bytes.toString('latin1');
  if (!text.includes('-----BEGIN ')) {
    if (bytes.length > 0) return createSecretKey(bytes);
    throw new ConfigError('The key given to jwt is empty');
  }
  // Whatever looks like PEM is a key by its own account, and never bytes of a secret.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new ConfigError('jwt got a private key: verifying takes the public one alone');
  }
  try {
    return createPublicKey(text);
  } catch (error) {
    throw new ConfigError(`The key given to jwt cannot be read: ${describe(error)}`, {
      cause: error,
    });
  }
}

function localKeys(jwks: JSONWebKeySet): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(jwks);
  } catch (error) {
    throw new ConfigError(`The jwks given to jwt is no JSON Web Key Set: ${describe(error)}`, {
      cause: error,
    });
  }
}

/** Who can change the keys on their way can be anyone: they come over TLS, or never leave home. */
function keysUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'https:') return url;
  if (url?.protocol === 'http:' && isLoopback(url.hostname.replaceAll(/[[\]]/g, ''))) return url;
  throw new ConfigError(`jwksUrl is '${text}': give an https URL`);
}

/**
 * Keys behind a URL. Old ones are renewed behind the scenes and stay in use while that fails, so
 * that an outage of the issuer is none of this server.
 */
function remoteKeys(url: URL, nowMs: () => number): KeySource {
  const keys = createRemoteJWKSet(url, { cacheMaxAge: Number.POSITIVE_INFINITY });
  let renewAtMs = nowMs() + RENEW_AFTER_MS;
  return async (logger) => {
    if (nowMs() >= renewAtMs) {
      renewAtMs = nowMs() + RENEW_AFTER_MS;
      if (keys.jwks() !== undefined) renew(keys, url, logger);
    }
    return keys;
  };
}

function renew(keys: RemoteJWKSet, url: URL, logger: Logger): void {
  keys.reload().catch((error: unknown) => {
    logger.warn({ err: error, url: url.href }, 'the keys of tokens cannot be renewed');
  });
}
