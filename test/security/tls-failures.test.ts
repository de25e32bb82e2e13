import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import type { ChannelCredentials } from '../../src/index.ts';
import { insecure, serverTls, tls } from '../../src/index.ts';
import type { Certificate } from '../support/certificates.ts';
import { createAuthority, selfSigned } from '../support/certificates.ts';
import { authority, echo, failure, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;
const stranger = createAuthority('a stranger');

describe("a server's certificate that is not to be trusted", () => {
  const names = ['DNS:localhost', 'IP:127.0.0.1'];
  const cases: [what: string, certificate: Certificate, reason: RegExp][] = [
    ['of an unknown authority', stranger.issue({ names }), /signed by an unknown authority/],
    ['self-signed', selfSigned({ commonName: 'me', names }), /self-signed and not trusted/],
    ['expired', authority.issue({ names, fromDay: -3, toDay: -1 }), /has expired/],
    ['not valid yet', authority.issue({ names, fromDay: 1, toDay: 3 }), /is not valid yet/],
    [
      'for another name',
      authority.issue({ names: ['DNS:other.example'] }),
      /is for DNS:other\.example, not for '127\.0\.0\.1'/,
    ],
    ['for nobody', authority.issue({}), /is for nobody, not for '127\.0\.0\.1'/],
  ];

  it.each(cases)('%s', async (_what, certificate, reason) => {
    await using server = await startSecure({ credentials: serverTls(certificate) });
    const error = await failure(echo(server.connect({ credentials: tls({ ca }) }), 'refused'));

    expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
    expect(error.details).toMatch(reason);
    expect(error.details).toContain(`127.0.0.1:${server.port}`);
    expect(server.log).toEqual([]);
  });

  it('names both names where the client asked for another one', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const credentials = tls({ ca }, { serverName: 'orders.internal' });
    const error = await failure(echo(server.connect({ credentials }), 'refused'));

    expect(error.details).toMatch(/DNS:localhost, IP Address:127\.0\.0\.1, not for 'orders\.int/);
  });
});

describe('a client that the server does not accept', () => {
  const good = authority.issue({ commonName: 'billing' });
  const cases: [what: string, credentials: ChannelCredentials, reason: RegExp][] = [
    ['without a certificate', tls({ ca }), /the server requires a client certificate/],
    [
      'with one of another authority',
      tls({ ca, ...stranger.issue({ commonName: 'billing' }) }),
      /it may not accept this client's certificate/,
    ],
    [
      'with an expired one',
      tls({ ca, ...authority.issue({ commonName: 'billing', fromDay: -3, toDay: -1 }) }),
      /it may not accept this client's certificate/,
    ],
    ['in plaintext', insecure(), /before HTTP\/2 began: does it expect TLS/],
    [
      'with the wrong authority',
      tls({ ca: stranger.ca, ...good }),
      /signed by an unknown authority/,
    ],
  ];

  it.each(cases)('%s: UNAVAILABLE, and its neighbour goes on', async (_what, bad, reason) => {
    const credentials = serverTls({ ca, ...localhost }, { clientCertificate: 'require' });
    await using server = await startSecure({ credentials });
    const neighbour = server.connect({ credentials: tls({ ca, ...good }) });
    expect(await echo(neighbour, 'before')).toBe('before');

    const error = await failure(echo(server.connect({ credentials: bad }), 'refused'));
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
    expect(error.details).toMatch(reason);

    expect(await echo(neighbour, 'after')).toBe('after');
    const newcomer = server.connect({ credentials: tls({ ca, ...good }) });
    expect(await echo(newcomer, 'newcomer')).toBe('newcomer');
  });

  it.each([
    ['of another authority', stranger.issue({ commonName: 'x' }), /signed by an unknown authority/],
    [
      'expired',
      authority.issue({ commonName: 'x', fromDay: -3, toDay: -1 }),
      /The client's certificate has expired/,
    ],
  ])('that is not required, with one %s: UNAUTHENTICATED', async (_what, certificate, reason) => {
    const credentials = serverTls({ ca, ...localhost }, { clientCertificate: 'verify' });
    let handled = 0;
    const implementation = {
      async unary() {
        handled++;
        return {};
      },
    };
    await using server = await startSecure({ credentials, implementation });
    const bad = server.connect({ credentials: tls({ ca, ...certificate }) });
    const error = await failure(echo(bad, 'refused'));

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toMatch(reason);
    expect(handled).toBe(0);
    await echo(server.connect({ credentials: tls({ ca }) }), 'anonymous');
    expect(handled).toBe(1);
  });
});

describe('a mix-up of TLS and plaintext', () => {
  it('tells a TLS client that the server speaks plaintext; its neighbour goes on', async () => {
    await using server = await startSecure({ credentials: insecure() });
    const neighbour = server.connect({});
    expect(await echo(neighbour, 'before')).toBe('before');

    const error = await failure(echo(server.connect({ credentials: tls({ ca }) }), 'refused'));
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
    expect(error.details).toMatch(/does not answer in TLS: it may serve plaintext/);

    expect(await echo(neighbour, 'after')).toBe('after');
  });
});
