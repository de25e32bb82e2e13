import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { once } from 'node:events';

import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import type { TlsMaterial } from '../../src/index.ts';
import { ConfigError, createServer, insecure, serverTls, tls } from '../../src/index.ts';
import { rejection, testRuntime } from '../support/harness.ts';
import { authority, echo, failure, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;
const other = authority.issue({ commonName: 'other' });

describe('call credentials over plaintext', () => {
  it('are refused before anything is sent, and not even asked for', async () => {
    let asked = 0;
    let handled = 0;
    const callCredentials = {
      async metadata() {
        asked++;
        return Metadata({ authorization: 'Bearer secret' });
      },
    };
    const implementation = {
      async unary() {
        handled++;
        return {};
      },
    };
    await using server = await startSecure({ credentials: insecure(), implementation });
    const error = await failure(echo(server.connect({ callCredentials }), 'refused'));

    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(
      /not sent in plaintext to 127\.0\.0\.1:\d+: give the channel tls/,
    );
    expect(asked).toBe(0);
    expect(handled).toBe(0);
  });

  it('are sent over TLS', async () => {
    const callCredentials = { metadata: async () => Metadata({ authorization: 'Bearer secret' }) };
    const implementation = {
      async unary(_request: unknown, { metadata }: { metadata: Metadata }) {
        return { sample: { text: metadata.get('authorization') ?? '' } };
      },
    };
    await using server = await startSecure({ credentials: serverTls(localhost), implementation });
    const client = server.connect({ credentials: tls({ ca }), callCredentials });
    expect(await echo(client, '')).toBe('Bearer secret');
  });
});

describe('TLS material that no server can work with', () => {
  const require = { clientCertificate: 'require' } as const;
  const cases: [what: string, material: TlsMaterial, reason: RegExp, options?: typeof require][] = [
    ['no certificate', { ca }, /needs a certificate: give `cert` and `key`/],
    ['a certificate without its key', { cert: localhost.cert }, /`key` is missing/],
    ['a key without its certificate', { key: localhost.key }, /`cert` is missing/],
    [
      'a file name',
      { ...localhost, cert: './server.pem' },
      /`cert` holds no certificate: give the/,
    ],
    [
      'a broken certificate',
      { ...localhost, cert: localhost.cert.replace('MII', 'AAA') },
      /A certificate in the TLS option `cert` cannot be read/,
    ],
    ['a broken key', { ...localhost, key: 'none' }, /`key` cannot be read/],
    ['a key of another certificate', { ...localhost, key: other.key }, /do not belong together/],
    ['an authority that is none', { ...localhost, ca: 'none' }, /`ca` holds no certificate/],
    ['nobody to trust with client certificates', localhost, /'require' needs `ca`/, require],
  ];

  it.each(cases)('%s: ConfigError, given as it is', async (_what, material, reason, options) => {
    const server = createServer({ runtime: testRuntime() });
    const listening = async (): Promise<unknown> =>
      server.listen('127.0.0.1:0', { credentials: serverTls(material, options) });
    const error = await rejection(listening());
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(reason);
  });

  it.each(cases)('%s: ConfigError, given by a source', async (_what, material, reason, options) => {
    const server = createServer({ runtime: testRuntime() });
    const credentials = serverTls(async () => material, options);
    const error = await rejection(server.listen('127.0.0.1:0', { credentials }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(reason);
  });

  it('a source that fails: ConfigError, with its own words', async () => {
    const server = createServer({ runtime: testRuntime() });
    const credentials = serverTls(() => Promise.reject(new Error('the vault is sealed')));
    const error = await rejection(server.listen('127.0.0.1:0', { credentials }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/cannot be read: the vault is sealed/);
  });

  it.each([0, -1, Number.NaN])('a reload every %d ms', (reloadMs) => {
    expect(() => serverTls(localhost, { reloadMs })).toThrow(ConfigError);
  });
});

describe('TLS material that no client can work with', () => {
  it.each([
    [{ cert: other.cert }, /`key` is missing/],
    [{ key: other.key }, /`cert` is missing/],
  ])('is refused where it is given', (material, reason) => {
    expect(() => tls(material)).toThrow(ConfigError);
    expect(() => tls(material)).toThrow(reason);
  });

  it.each([
    ['a file name', { ca: './ca.pem' }, /`ca` holds no certificate: give the PEM text, not the/],
    ['half a certificate', () => ({ cert: other.cert }), /`key` is missing/],
    ['a key of another', { ...other, key: localhost.key }, /do not belong together/],
  ])('fails calls with the reason, and dials nobody: %s', async (_what, source, reason) => {
    let connections = 0;
    const peer = createTcpServer((socket) => {
      connections++;
      socket.destroy();
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    await using server = await startSecure({ credentials: insecure() });
    const { port } = peer.address() as AddressInfo;
    const target = `static:///127.0.0.1:${port}`;
    const error = await failure(echo(server.connect({ target, credentials: tls(source) }), ''));

    expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
    expect(error.details).toMatch(reason);
    expect(connections).toBe(0);
    peer.close();
    await once(peer, 'close');
  });
});
