import type { JSONWebKeySet, JWTPayload, JWTVerifyOptions } from 'jose';
import { jwtVerify } from 'jose';
import { ServerError, Status } from 'nice-grpc-common';

import { ConfigError } from '../core/errors.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { Authenticator } from '../interceptors/authentication.ts';
import { checkAlgorithms } from './jwt-algorithms.ts';
import type { JwtKey, KeySource } from './jwt-keys.ts';
import { keySource } from './jwt-keys.ts';
import { refusalText } from './jwt-refusal.ts';

export type { JwtKey } from './jwt-keys.ts';

interface JwtRules {
  /**
   * The signature algorithms that are accepted, such as `['ES256']`; all others are refused. Each
   * must suit the key: `HS*` a shared secret, the others a public key (RFC 8725, 3.1).
   */
  readonly algorithms: readonly string[];
  /** Accepted values of `iss`. Default: not looked at. */
  readonly issuer?: string | readonly string[];
  /**
   * Accepted values of `aud`. Leave it out only where every token of the issuer is meant for this
   * server (RFC 8725, 3.9).
   */
  readonly audience?: string | readonly string[];
  /** How far the issuer's clock may be off for `exp` and `nbf`, in seconds. Default 5. */
  readonly clockToleranceSec?: number;
  /** The wall clock, in ms since 1970. Default `Date.now`. */
  readonly nowMs?: () => number;
}

/** What tokens are accepted, and the key or the keys that they are verified with. */
export type JwtOptions = JwtRules &
  (
    | { readonly key: JwtKey; readonly jwks?: never; readonly jwksUrl?: never }
    | { readonly jwks: JSONWebKeySet; readonly key?: never; readonly jwksUrl?: never }
    /**
     * Fetched with the first token, again after ten minutes, and when a token names a key that is
     * not in it. While the server of the keys is down, those that are known stay in use.
     */
    | { readonly jwksUrl: string | URL; readonly key?: never; readonly jwks?: never }
  );

/**
 * Knows callers by a signed token (RFC 7519) in `authorization: Bearer …` (RFC 6750). A call
 * without one is left to the next authenticator. A token that is malformed, expired, without `exp`
 * or `sub`, for someone else or not verifiable is refused with UNAUTHENTICATED; where the keys
 * cannot be fetched, with UNAVAILABLE, for that is not the caller's fault.
 *
 * The identity: scheme `'jwt'`, `sub` as subject, and the token's claims. Throws a `ConfigError`
 * for options that no safe check comes of.
 */
export function jwt(options: JwtOptions): Authenticator {
  const { nowMs = Date.now } = options;
  const algorithms = checkAlgorithms(options.algorithms);
  const keys = keySource(options, algorithms, nowMs);
  const rules = verifyOptions(options, algorithms);
  return async (call) => {
    const token = bearerToken(call);
    if (token === undefined) return undefined;
    const claims = await verify(call, token, keys, { ...rules, currentDate: new Date(nowMs()) });
    const { sub } = claims;
    if (typeof sub !== 'string' || sub === '') throw refuse("has no 'sub' that names its subject");
    return { scheme: 'jwt', subject: sub, claims };
  };
}

function verifyOptions(options: JwtOptions, algorithms: readonly string[]): JWTVerifyOptions {
  const { issuer, audience, clockToleranceSec = 5 } = options;
  if (!(clockToleranceSec >= 0)) {
    throw new ConfigError(`clockToleranceSec is ${clockToleranceSec}: give seconds, 0 or more`);
  }
  return {
    algorithms: [...algorithms] as NonNullable<JWTVerifyOptions['algorithms']>,
    clockTolerance: clockToleranceSec,
    requiredClaims: ['exp', 'sub'],
    ...(issuer === undefined ? {} : { issuer: listOf(issuer, 'issuer') }),
    ...(audience === undefined ? {} : { audience: listOf(audience, 'audience') }),
  };
}

/** An empty list would accept nothing, an empty name perhaps anything. */
function listOf(values: string | readonly string[], option: string): string[] {
  const list = typeof values === 'string' ? [values] : [...values];
  if (list.length > 0 && list.every((value) => value !== '')) return list;
  throw new ConfigError(`The jwt option \`${option}\` is empty: name one, or leave it out`);
}

/** The token of a call; undefined when it carries none, or credentials of another kind. */
function bearerToken(call: ServerCall): string | undefined {
  const header = call.headers.get('authorization');
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return undefined;
  const token = /^bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1];
  if (token === undefined) throw refuse('is malformed: send `authorization: Bearer TOKEN`, once');
  return token;
}

async function verify(
  call: ServerCall,
  token: string,
  keys: KeySource,
  rules: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, await keys(call.runtime.logger), rules);
    return payload;
  } catch (error) {
    const text = refusalText(error);
    if (text !== undefined) throw refuse(text);
    call.runtime.logger.error({ err: error }, 'a token could not be verified');
    throw new ServerError(Status.UNAVAILABLE, 'Tokens cannot be verified at the moment');
  }
}

function refuse(text: string): ServerError {
  return new ServerError(Status.UNAUTHENTICATED, `The token ${text}`);
}
