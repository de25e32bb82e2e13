import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import { jwt, mtls } from '../../src/auth.ts';
import type { Identity, ServerOptions } from '../../src/index.ts';
import { serverTls, tls } from '../../src/index.ts';
import type { CertificateParts } from '../support/certificates.ts';
import { authority, echo, failure, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;

/** A server that keeps who called, and calls it with certificates of its authority. */
async function start(server: ServerOptions, clientCertificate: 'require' | 'verify' = 'require') {
  const identities: (Identity | undefined)[] = [];
  const secure = await startSecure({
    credentials: serverTls({ ca, ...localhost }, { clientCertificate }),
    server,
    implementation: {
      async unary(_request, { identity }) {
        identities.push(identity);
        return {};
      },
    },
  });
  return {
    identities,
    callAs: (parts: CertificateParts | undefined) => {
      const own = parts === undefined ? {} : authority.issue(parts);
      return echo(secure.connect({ credentials: tls({ ca, ...own }) }), '');
    },
    [Symbol.asyncDispose]: () => secure[Symbol.asyncDispose](),
  };
}

describe('mtls', () => {
  const spiffe = 'spiffe://prod/billing';
  const cases: [what: string, parts: CertificateParts, subject: string][] = [
    ['its URI', { commonName: 'cn', names: ['DNS:billing', `URI:${spiffe}`] }, spiffe],
    [
      'its DNS name',
      { commonName: 'cn', names: ['IP:10.0.0.1', 'DNS:billing', 'DNS:b'] },
      'billing',
    ],
    ['its common name', { commonName: 'billing', names: ['IP:10.0.0.1'] }, 'billing'],
    [
      'one name that looks like several',
      { names: ['URI:spiffe://prod/x, URI:spiffe://prod/admin, DNS:admin'] },
      'spiffe://prod/x, URI:spiffe://prod/admin, DNS:admin',
    ],
  ];

  it.each(cases)('knows the caller by %s', async (_what, parts, subject) => {
    await using test = await start({ authenticate: mtls() });
    await test.callAs(parts);

    expect(test.identities).toMatchObject([{ scheme: 'mtls', subject }]);
    expect(test.identities[0]?.claims).toEqual({
      commonName: parts.commonName,
      subjectAltNames: parts.names?.map((name) => name.replace(/^IP:/, 'IP Address:')),
      fingerprint256: expect.any(String) as string,
    });
  });

  it('refuses a certificate with several SPIFFE identities', async () => {
    await using test = await start({ authenticate: mtls() });
    const error = await failure(
      test.callAs({ names: [`URI:${spiffe}`, 'URI:spiffe://prod/admin'] }),
    );

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toBe("The client's certificate names more than one SPIFFE identity");
    expect(test.identities).toEqual([]);
  });

  it('refuses a certificate without a name', async () => {
    await using test = await start({ authenticate: mtls() });
    const error = await failure(test.callAs({}));

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(test.identities).toEqual([]);
  });

  it('takes a name of your own making, or leaves the call to the next authenticator', async () => {
    const name = ({ commonName }: { commonName: string | undefined }): string | undefined =>
      commonName?.startsWith('service-') === true ? commonName.slice(8) : undefined;
    const next = async (): Promise<Identity> => ({ scheme: 'next', subject: 'next', claims: {} });
    await using test = await start({ authenticate: [mtls({ name }), next] });
    await test.callAs({ commonName: 'service-billing' });
    await test.callAs({ commonName: 'laptop' });

    expect(test.identities).toMatchObject([
      { scheme: 'mtls', subject: 'billing' },
      { scheme: 'next', subject: 'next' },
    ]);
  });

  it('leaves a caller without a certificate to tokens', async () => {
    const key = Buffer.alloc(32, 7);
    const authenticate = [mtls(), jwt({ key, algorithms: ['HS256'] })];
    await using test = await start({ authenticate }, 'verify');
    const error = await failure(test.callAs(undefined));

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toBe('The call carries no credentials that this server accepts');
    await test.callAs({ commonName: 'billing' });
    expect(test.identities).toMatchObject([{ scheme: 'mtls', subject: 'billing' }]);
  });
});
