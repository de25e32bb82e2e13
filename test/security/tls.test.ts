import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import type { Peer, TlsMaterial } from '../../src/index.ts';
import { serverTls, tls } from '../../src/index.ts';
import type { ShapesImplementation } from '../support/harness.ts';
import { authority, echo, failure, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;

/** Keeps the other end of the connection that each call came in on. */
function peers(): {
  readonly seen: Peer[];
  readonly implementation: Partial<ShapesImplementation>;
} {
  const seen: Peer[] = [];
  return {
    seen,
    implementation: {
      async unary({ sample }, { connection }) {
        seen.push(connection);
        return { sample };
      },
    },
  };
}

describe('TLS', () => {
  it('verifies the server by the name of the target', async () => {
    const { seen, implementation } = peers();
    await using server = await startSecure({ credentials: serverTls(localhost), implementation });
    const client = server.connect({
      target: `dns:///localhost:${server.port}`,
      credentials: tls({ ca }),
    });

    expect(await echo(client, 'over TLS')).toBe('over TLS');
    expect(seen).toEqual([expect.objectContaining({ secure: true, certificate: undefined })]);
  });

  it('verifies a server by its address, without a server name in the handshake', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const client = server.connect({ credentials: tls({ ca }) });

    expect(await echo(client, 'by address')).toBe('by address');
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('verifies a server that is reached by address against the name that is given', async () => {
    const certificate = authority.issue({ names: ['DNS:orders.internal'] });
    await using server = await startSecure({ credentials: serverTls(certificate) });
    const client = server.connect({
      credentials: tls({ ca }, { serverName: 'orders.internal' }),
    });

    expect(await echo(client, 'by name')).toBe('by name');
  });

  it('takes certificates and keys as bytes, and several authorities', async () => {
    const bytes = { cert: Buffer.from(localhost.cert), key: Buffer.from(localhost.key) };
    await using server = await startSecure({ credentials: serverTls(bytes) });
    const { ca: other } = (await import('../support/certificates.ts')).createAuthority();
    const client = server.connect({ credentials: tls({ ca: [other, Buffer.from(ca)] }) });

    expect(await echo(client, 'bytes')).toBe('bytes');
  });

  it('does not let the environment turn verification off', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await using server = await startSecure({ credentials: serverTls(localhost) });
      const client = server.connect({ credentials: tls() });
      expect((await failure(echo(client, 'unverified'))).code).toBe(Status.UNAVAILABLE);
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });
});

describe('mTLS', () => {
  const client = authority.issue({ commonName: 'billing', names: ['DNS:billing.internal'] });
  const withCertificate: TlsMaterial = { ca, ...client };

  it.each(['require', 'verify'] as const)('%s shows a valid certificate', async (mode) => {
    const { seen, implementation } = peers();
    const credentials = serverTls({ ca, ...localhost }, { clientCertificate: mode });
    await using server = await startSecure({ credentials, implementation });

    await echo(server.connect({ credentials: tls(withCertificate) }), 'me');
    expect(seen[0]?.certificate).toEqual({
      commonName: 'billing',
      subjectAltNames: ['DNS:billing.internal'],
      fingerprint256: expect.stringMatching(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/) as string,
    });
  });

  it('verify admits a client without a certificate, as nobody', async () => {
    const { seen, implementation } = peers();
    const credentials = serverTls({ ca, ...localhost }, { clientCertificate: 'verify' });
    await using server = await startSecure({ credentials, implementation });

    expect(await echo(server.connect({ credentials: tls({ ca }) }), 'nobody')).toBe('nobody');
    expect(seen[0]?.certificate).toBeUndefined();
  });

  it('none does not ask, so that a certificate proves nothing', async () => {
    const { seen, implementation } = peers();
    const credentials = serverTls({ ca, ...localhost });
    await using server = await startSecure({ credentials, implementation });

    await echo(server.connect({ credentials: tls(withCertificate) }), 'unasked');
    expect(seen[0]?.certificate).toBeUndefined();
  });
});
