import { setImmediate } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import type { Peer, TlsMaterial } from '../../src/index.ts';
import { serverTls, tls } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import type { Certificate } from '../support/certificates.ts';
import { createAuthority } from '../support/certificates.ts';
import { deferred, testRuntime } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';
import { authority, echo, failure, localhost, nextText, startSecure } from './secure-server.ts';

const { ca } = authority;
const names = ['DNS:localhost', 'IP:127.0.0.1'];
const RELOAD_MS = 60_000;

const fingerprint = ({ cert }: Certificate): string => new X509Certificate(cert).fingerprint256;

/** The certificate that a server shows to a new connection. */
async function shown(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.resume().end();
  await once(socket, 'close');
  return fingerprint256;
}

/** A server whose certificate comes from `source`, on a clock of its own. */
async function startReloading(source: () => TlsMaterial | Promise<TlsMaterial>) {
  const clock = new ManualClock();
  const runtime = { ...testRuntime(), clock };
  const credentials = serverTls(source, { reloadMs: RELOAD_MS });
  const server = await startSecure({ credentials, runtime });
  return {
    server,
    clock,
    /** Lets the time of a reload come, and its reading end. */
    async reload(): Promise<void> {
      clock.advance(RELOAD_MS);
      await setImmediate();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('a server that takes up a new certificate', () => {
  const renewed = authority.issue({ commonName: 'renewed', names });

  it('shows it to new connections, while calls on an old one go on', async () => {
    let current = localhost;
    await using test = await startReloading(() => current);
    const { server } = test;
    const client = server.connect({ credentials: tls({ ca }) });
    const more = deferred();
    const stream = client.bidi(
      (async function* () {
        yield* samples('before');
        await more.promise;
        yield* samples('after');
      })(),
    );
    expect(await nextText(stream)).toBe('before');

    current = renewed;
    expect(await shown(server.port)).toBe(fingerprint(localhost));
    await test.reload();
    expect(await shown(server.port)).toBe(fingerprint(renewed));

    more.resolve();
    expect(await nextText(stream)).toBe('after');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    const newcomer = server.connect({ credentials: tls({ ca }) });
    expect(await echo(newcomer, 'newcomer')).toBe('newcomer');
  });

  it.each([
    [
      'a source that fails',
      (): TlsMaterial => {
        throw new Error('the vault is sealed');
      },
      /sealed/,
    ],
    ['a key of another certificate', () => ({ ...localhost, key: renewed.key }), /do not belong/],
    [
      'a text that is no certificate',
      () => ({ ...localhost, cert: 'none' }),
      /`cert` holds no cert/,
    ],
    ['nothing', () => ({}), /needs a certificate/],
  ])('keeps the last good one over %s, logs it and asks again', async (_what, broken, reason) => {
    let source: () => TlsMaterial = () => localhost;
    await using test = await startReloading(() => source());
    source = broken;
    await test.reload();
    expect(await shown(test.server.port)).toBe(fingerprint(localhost));
    expect(test.server.log).toMatchObject([
      { level: 'error', message: 'certificate reload failed; the last good one stays' },
    ]);
    expect(String(test.server.log[0]?.fields['err'])).toMatch(reason);

    source = () => renewed;
    await test.reload();
    expect(await shown(test.server.port)).toBe(fingerprint(renewed));
  });

  it('takes up the authority of its clients as well', async () => {
    const next = createAuthority('the next authority of clients');
    let trusted = ca;
    const source = () => ({ ...localhost, ca: trusted });
    const clock = new ManualClock();
    const runtime = { ...testRuntime(), clock };
    const credentials = serverTls(source, { clientCertificate: 'require', reloadMs: RELOAD_MS });
    await using server = await startSecure({ credentials, runtime });
    const ours = tls({ ca, ...authority.issue({ commonName: 'ours' }) });
    const theirs = tls({ ca, ...next.issue({ commonName: 'theirs' }) });
    expect(await echo(server.connect({ credentials: ours }), 'ours')).toBe('ours');
    await failure(echo(server.connect({ credentials: theirs }), 'theirs'));

    trusted = next.ca;
    clock.advance(RELOAD_MS);
    await setImmediate();
    expect(await echo(server.connect({ credentials: theirs }), 'theirs')).toBe('theirs');
    await failure(echo(server.connect({ credentials: ours }), 'ours'));
  });
});

describe('a client that takes up a new certificate', () => {
  it('asks its source for each new connection', async () => {
    const seen: (Peer['certificate'] | undefined)[] = [];
    const credentials = serverTls({ ca, ...localhost }, { clientCertificate: 'require' });
    await using server = await startSecure({
      credentials,
      implementation: {
        async unary(_request, { connection }) {
          seen.push(connection.certificate);
          return {};
        },
      },
    });
    let asked = 0;
    const source = tls(() => {
      asked++;
      return { ca, ...authority.issue({ commonName: `client-${asked}` }) };
    });
    const first = server.connect({ credentials: source });
    await echo(first, '');
    await echo(first, '');
    await echo(server.connect({ credentials: source }), '');

    expect(asked).toBe(2);
    expect(seen.map((certificate) => certificate?.commonName)).toEqual([
      'client-1',
      'client-1',
      'client-2',
    ]);
  });

  it('tells why its source fails', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const credentials = tls(async () => {
      throw new Error('the vault is sealed');
    });
    const error = await failure(echo(server.connect({ credentials }), 'refused'));
    expect(error).toMatchObject({ processed: 'no' });
    expect(error.details).toMatch(/The TLS certificates cannot be read: the vault is sealed/);
  });
});
