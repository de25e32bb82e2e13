import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JSONWebKeySet } from 'jose';
import { SignJWT } from 'jose';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import { jwt } from '../../src/auth.ts';
import { deferred } from '../support/harness.ts';
import { startIdentity } from './identity-server.ts';
import { failure } from './secure-server.ts';

const TEN_MINUTES_MS = 600_000;

/** A key of an issuer: how it signs, and what it publishes. */
function newKey(kid: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid } as JSONWebKeySet['keys'][number],
    async header(named = kid): Promise<string> {
      const token = new SignJWT({ sub: 'alice' }).setExpirationTime('1h');
      return `Bearer ${await token.setProtectedHeader({ alg: 'ES256', kid: named }).sign(privateKey)}`;
    },
  };
}

/** Publishes keys, and can be out of order. */
async function startIssuer(keys: JSONWebKeySet) {
  const state = { keys, asked: 0, broken: false, answered: deferred() };
  const server = createServer((_request, response) => {
    state.asked++;
    response.statusCode = state.broken ? 500 : 200;
    response.setHeader('connection', 'close');
    response.end(JSON.stringify(state.keys), () => state.answered.resolve());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('jwt with a set of keys', () => {
  it('finds the key that the token names', async () => {
    const [a, b, stranger] = [newKey('a'), newKey('b'), newKey('b')];
    const jwks = { keys: [a.jwk, b.jwk] };
    await using test = await startIdentity(jwt({ algorithms: ['ES256'], jwks }));
    await test.call(await a.header());
    await test.call(await b.header());
    expect(test.identities).toHaveLength(2);

    const unknown = await failure(test.call(await a.header('c')));
    expect(unknown.details).toBe('The token is signed with a key that is not known here');
    const forged = await failure(test.call(await stranger.header()));
    expect(forged.details).toBe('The token has a signature that does not verify');
    expect(test.identities).toHaveLength(2);
  });

  it('fetches keys once for all calls', async () => {
    const key = newKey('a');
    await using issuer = await startIssuer({ keys: [key.jwk] });
    await using test = await startIdentity(jwt({ algorithms: ['ES256'], jwksUrl: issuer.url }));
    const header = await key.header();
    await Promise.all([test.call(header), test.call(header), test.call(header)]);
    await test.call(header);

    expect(test.identities).toHaveLength(4);
    expect(issuer.state.asked).toBe(1);
  });

  it('renews keys after ten minutes, and keeps the old ones while that fails', async () => {
    const [old, renewed] = [newKey('old'), newKey('renewed')];
    await using issuer = await startIssuer({ keys: [old.jwk] });
    const startMs = Date.now();
    let passedMs = 0;
    const nowMs = (): number => startMs + passedMs;
    const options = { algorithms: ['ES256'], jwksUrl: issuer.url, nowMs };
    await using test = await startIdentity(jwt(options));
    await test.call(await old.header());

    issuer.state.broken = true;
    issuer.state.answered = deferred();
    passedMs = TEN_MINUTES_MS;
    await test.call(await old.header());
    await issuer.state.answered.promise;
    await test.call(await old.header());
    expect(issuer.state.asked).toBe(2);
    expect(test.log).toMatchObject([
      { level: 'warn', message: 'the keys of tokens cannot be renewed' },
    ]);

    issuer.state.broken = false;
    issuer.state.keys = { keys: [renewed.jwk] };
    issuer.state.answered = deferred();
    passedMs = 2 * TEN_MINUTES_MS;
    await test.call(await old.header());
    await issuer.state.answered.promise;
    await test.call(await renewed.header());
    expect(test.identities).toHaveLength(5);
    expect((await failure(test.call(await old.header()))).code).toBe(Status.UNAUTHENTICATED);
  });

  it('says UNAVAILABLE and logs why where it never had any keys', async () => {
    const key = newKey('a');
    await using issuer = await startIssuer({ keys: [key.jwk] });
    issuer.state.broken = true;
    await using test = await startIdentity(jwt({ algorithms: ['ES256'], jwksUrl: issuer.url }));
    const error = await failure(test.call(await key.header()));

    expect(error.code).toBe(Status.UNAVAILABLE);
    expect(error.details).toBe('Tokens cannot be verified at the moment');
    expect(test.log).toMatchObject([{ level: 'error', message: 'a token could not be verified' }]);
    expect(String(test.log[0]?.fields['err'])).toMatch(/200 OK/);

    issuer.state.broken = false;
    await test.call(await key.header());
    expect(test.identities).toHaveLength(1);
  });
});
