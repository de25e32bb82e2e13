import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto';

import type { JWTPayload } from 'jose';
import { SignJWT } from 'jose';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import type { JwtOptions } from '../../src/auth.ts';
import { jwt } from '../../src/auth.ts';
import { ConfigError } from '../../src/index.ts';
import { startIdentity } from './identity-server.ts';
import { authority, failure } from './secure-server.ts';

const NOW_SEC = 1_800_000_000;
const nowMs = (): number => NOW_SEC * 1_000;
const secret = Buffer.from('a secret that is 32 bytes long..');
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = ec.publicKey.export({ type: 'spki', format: 'pem' }) as string;

const CLAIMS = { sub: 'alice', iss: 'issuer', aud: 'orders', exp: NOW_SEC + 60 };
const RULES = { algorithms: ['HS256'], issuer: 'issuer', audience: 'orders', nowMs } as const;

type SignKey = Parameters<SignJWT['sign']>[0];

function token(claims: JWTPayload = CLAIMS, alg = 'HS256', key: SignKey = secret): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

/** A token put together by hand, as no library makes it. */
function forged(header: object, claims: object, sign: (input: string) => string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(input)}`;
}

describe('jwt', () => {
  it('knows the caller by its token', async () => {
    await using test = await startIdentity(jwt({ ...RULES, key: secret }));
    const claims = { ...CLAIMS, role: 'admin' };
    await test.call(`Bearer ${await token(claims)}`);
    await test.call(`bEARER  ${await token(claims)}`);

    const identity = { scheme: 'jwt', subject: 'alice', claims };
    expect(test.identities).toEqual([identity, identity]);
  });

  it('leaves a call without a token to the next authenticator', async () => {
    const fallback = async () => ({ scheme: 'test', subject: 'fallback', claims: {} });
    await using test = await startIdentity([jwt({ ...RULES, key: secret }), fallback]);
    await test.call();
    await test.call('Basic YWxpY2U6c2VjcmV0');
    expect(test.identities.map((identity) => identity?.subject)).toEqual(['fallback', 'fallback']);

    expect((await failure(test.call('Bearer bad'))).code).toBe(Status.UNAUTHENTICATED);
    expect(test.identities).toHaveLength(2);
  });

  const keys: [what: string, options: JwtOptions, alg: string, key: SignKey][] = [
    ['a secret as text', { ...RULES, key: String(secret) }, 'HS256', secret],
    ['a secret key object', { ...RULES, key: createSecretKey(secret) }, 'HS256', secret],
    ['PEM', { ...RULES, algorithms: ['ES256'], key: publicPem }, 'ES256', ec.privateKey],
    [
      'PEM bytes',
      { ...RULES, algorithms: ['ES256'], key: Buffer.from(publicPem) },
      'ES256',
      ec.privateKey,
    ],
    [
      'a key object',
      { ...RULES, algorithms: ['RS256', 'PS512'], key: rsa.publicKey },
      'PS512',
      rsa.privateKey,
    ],
  ];
  it.each(keys)('verifies with %s', async (_what, options, alg, key) => {
    await using test = await startIdentity(jwt(options));
    await test.call(`Bearer ${await token(CLAIMS, alg, key)}`);
    expect(test.identities).toMatchObject([{ subject: 'alice' }]);
  });

  it('allows for clocks that differ by five seconds, or as told', async () => {
    await using test = await startIdentity(jwt({ ...RULES, key: secret }));
    await using strict = await startIdentity(jwt({ ...RULES, key: secret, clockToleranceSec: 0 }));
    const old = `Bearer ${await token({ ...CLAIMS, exp: NOW_SEC - 4 })}`;
    await test.call(old);
    expect(test.identities).toHaveLength(1);
    const older = await failure(
      test.call(`Bearer ${await token({ ...CLAIMS, exp: NOW_SEC - 5 })}`),
    );
    expect(older.details).toBe('The token has expired');
    expect((await failure(strict.call(old))).details).toBe('The token has expired');
  });
});

describe('a bad token', () => {
  const without = (claim: keyof typeof CLAIMS): JWTPayload => ({ ...CLAIMS, [claim]: undefined });
  const cases: [what: string, make: () => string | Promise<string>, reason: string][] = [
    ['expired', () => token({ ...CLAIMS, exp: NOW_SEC - 60 }), 'has expired'],
    ['not valid yet', () => token({ ...CLAIMS, nbf: NOW_SEC + 60 }), 'is not valid yet'],
    [
      'for another audience',
      () => token({ ...CLAIMS, aud: 'mail' }),
      'is meant for another audience',
    ],
    ['of another issuer', () => token({ ...CLAIMS, iss: 'evil' }), 'comes from an issuer that'],
    ['without expiry', () => token(without('exp')), "has no 'exp'"],
    ['without audience', () => token(without('aud')), "has no 'aud'"],
    ['without subject', () => token(without('sub')), "has no 'sub'"],
    [
      'of another secret',
      () => token(CLAIMS, 'HS256', Buffer.alloc(32, 1)),
      'has a signature that',
    ],
    [
      'of another algorithm',
      () => token(CLAIMS, 'ES256', ec.privateKey),
      'is signed with an algor',
    ],
    ['that is no token', () => 'garbage', 'is malformed'],
    ['that is empty', () => '', 'is malformed: send `authorization: Bearer TOKEN`, once'],
    ['with more after it', async () => `${await token()} other`, 'is malformed: send'],
    [
      'that is not signed',
      () => forged({ alg: 'none' }, CLAIMS, () => ''),
      'is signed with an algor',
    ],
    [
      'whose claims were changed',
      async () => {
        const [head, , tail] = (await token()).split('.');
        const claims = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'root' })).toString(
          'base64url',
        );
        return `${head}.${claims}.${tail}`;
      },
      'has a signature that does not verify',
    ],
    [
      'with a subject that is no text',
      () =>
        forged({ alg: 'HS256' }, { ...CLAIMS, sub: 7 }, (input) =>
          createHmac('sha256', secret).update(input).digest('base64url'),
        ),
      "has no 'sub' that names its subject",
    ],
  ];

  it.each(cases)('%s', async (_what, make, reason) => {
    await using test = await startIdentity(jwt({ ...RULES, key: secret }));
    const bad = await make();
    const error = await failure(test.call(`Bearer ${bad}`.trim()));

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toMatch(/^The token /);
    expect(error.details).toContain(reason);
    for (const part of bad.split(/[., ]+/).filter((text) => text.length > 6)) {
      expect(error.details).not.toContain(part);
    }
    expect(test.identities).toEqual([]);
    expect(test.log).toEqual([]);
  });

  it('signed with the public key as if it were a shared secret', async () => {
    await using test = await startIdentity(
      jwt({ ...RULES, algorithms: ['ES256'], key: publicPem }),
    );
    const confused = forged({ alg: 'HS256' }, CLAIMS, (input) =>
      createHmac('sha256', publicPem).update(input).digest('base64url'),
    );
    const error = await failure(test.call(`Bearer ${confused}`));
    expect(error.details).toBe('The token is signed with an algorithm that is not accepted here');
    expect(test.identities).toEqual([]);
  });
});

describe('jwt options that no safe check comes of', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const privatePem = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const es = { ...RULES, algorithms: ['ES256'] };
  const cases: [what: string, options: unknown, reason: RegExp][] = [
    ['no algorithms', { key: secret }, /needs `algorithms`/],
    ['an empty list', { ...RULES, algorithms: [], key: secret }, /needs `algorithms`/],
    [
      'none',
      { ...RULES, algorithms: ['none'], key: secret },
      /does not accept the algorithm 'none'/,
    ],
    ['a typing error', { ...RULES, algorithms: ['RSA256'], key: secret }, /algorithm 'RSA256'/],
    [
      'HS256 with a public key',
      { ...RULES, key: publicPem },
      /\(ec prime256v1\) is none for .* HS256/,
    ],
    ['HS256 with PEM bytes', { ...RULES, key: Buffer.from(publicPem) }, /is none for .* HS256/],
    ['HS256 with a certificate', { ...RULES, key: authority.ca }, /is none for .* HS256/],
    ['HS256 beside ES256', { ...RULES, algorithms: ['ES256', 'HS256'], key: publicPem }, /HS256/],
    ['ES256 with a secret', { ...es, key: secret }, /\(secret\) is none for the algorithm ES256/],
    ['ES384 with a P-256 key', { ...RULES, algorithms: ['ES384'], key: publicPem }, /ES384/],
    ['a private key', { ...es, key: privatePem }, /got a private key/],
    ['a private key object', { ...es, key: ec.privateKey }, /got a private key/],
    ['a short secret', { ...RULES, key: 'hunter2' }, /too short: HS256 needs 32 bytes/],
    ['an empty secret', { ...RULES, key: '' }, /is empty/],
    ['a weak RSA key', { ...RULES, algorithms: ['RS256'], key: weak.publicKey }, /1024 bits/],
    ['broken PEM', { ...es, key: '-----BEGIN PUBLIC KEY-----\n?' }, /cannot be read/],
    ['no key', RULES, /one of `key`, `jwks` and `jwksUrl`/],
    ['two keys', { ...es, key: publicPem, jwks: { keys: [] } }, /one of `key`, `jwks` and/],
    ['HS256 with a key set', { ...RULES, jwks: { keys: [] } }, /HS256 needs a shared secret/],
    ['no key set', { ...es, jwks: { nokeys: [] } }, /no JSON Web Key Set/],
    ['keys over plaintext', { ...es, jwksUrl: 'http://keys.example/' }, /give an https URL/],
    ['keys from a file', { ...es, jwksUrl: 'file:///keys.json' }, /give an https URL/],
    ['no URL', { ...es, jwksUrl: 'keys' }, /give an https URL/],
    ['an empty audience', { ...es, key: publicPem, audience: [] }, /`audience` is empty/],
    ['an empty issuer', { ...es, key: publicPem, issuer: '' }, /`issuer` is empty/],
    ['a negative tolerance', { ...es, key: publicPem, clockToleranceSec: -1 }, /give seconds/],
  ];

  it.each(cases)('%s', (_what, options, reason) => {
    expect(() => jwt(options as JwtOptions)).toThrow(ConfigError);
    expect(() => jwt(options as JwtOptions)).toThrow(reason);
    expect(() => jwt(options as JwtOptions)).not.toThrow(/hunter2/);
  });
});
