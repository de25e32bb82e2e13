import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { tlsFiles } from '../../src/auth.ts';
import { serverTls, tls } from '../../src/index.ts';
import type { Certificate } from '../support/certificates.ts';
import { authority, echo, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;

describe('tlsFiles', () => {
  async function folder() {
    const path = await mkdtemp(join(tmpdir(), 'inboard-tls-'));
    const files = { ca: join(path, 'ca.pem'), cert: join(path, 'c.pem'), key: join(path, 'k.pem') };
    return {
      files,
      async write({ cert, key }: Certificate): Promise<void> {
        await Promise.all([
          writeFile(files.ca, ca),
          writeFile(files.cert, cert),
          writeFile(files.key, key),
        ]);
      },
      [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
    };
  }

  it('gives what the files hold, and the same object while they hold the same', async () => {
    await using dir = await folder();
    await dir.write(localhost);
    const source = tlsFiles(dir.files);
    const first = await source();
    expect(first).toEqual({ ca, ...localhost });
    expect(await source()).toBe(first);

    const renewed = authority.issue({ commonName: 'renewed' });
    await dir.write(renewed);
    expect(await source()).toEqual({ ca, ...renewed });
  });

  it('serves both sides of mTLS', async () => {
    await using dir = await folder();
    await dir.write(localhost);
    const credentials = serverTls(tlsFiles(dir.files), { clientCertificate: 'require' });
    await using server = await startSecure({ credentials });
    const client = server.connect({ credentials: tls(tlsFiles(dir.files)) });
    expect(await echo(client, 'from files')).toBe('from files');
  });

  it('refuses files that do not belong together, by name', async () => {
    await using dir = await folder();
    await dir.write({ ...localhost, key: authority.issue({}).key });
    await expect(tlsFiles(dir.files)()).rejects.toThrow(
      /c\.pem and .*k\.pem do not belong together/,
    );
  });

  it('names a file that cannot be read', async () => {
    await using dir = await folder();
    await expect(tlsFiles(dir.files)()).rejects.toThrow(/ENOENT.*(?:ca|c|k)\.pem/);
  });
});
