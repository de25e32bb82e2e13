import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { mtls } from '../../src/auth.ts';
import { serverTls } from '../../src/index.ts';
import type { PeerService } from '../interop/stock-server.ts';
import { stockServer } from '../interop/stock-server.ts';
import { authority, localhost, startSecure } from '../security/secure-server.ts';
import { shapes } from '../support/shapes-service.ts';
import { inboard, jsonLines, startInboard } from './cli.ts';
import type { Descriptors } from './descriptors.ts';
import { makeDescriptors } from './descriptors.ts';
import type { TlsFiles } from './peers.ts';
import { peers, writeTlsFiles } from './peers.ts';
import { reflectionOf } from './reflecting-server.ts';

let made: Descriptors;
let files: TlsFiles;

beforeAll(async () => {
  made = await makeDescriptors();
  files = await writeTlsFiles(made.folder);
}, 30_000);

afterAll(() => made.remove());

const SHAPES = 'inboard.testing.v1.ShapesService';

/** Arguments of a call by the contract in a file. */
function byImage(method: string, port: number, ...args: string[]): string[] {
  const target = `127.0.0.1:${port}`;
  return ['call', `${SHAPES}/${method}`, '-t', target, '--image', made.image, '-ojson', ...args];
}

const SAMPLE = { sample: { text: 'a', at: '2026-01-02T03:04:05Z' } };
const OTHER = { sample: { text: 'b' } };

/** What a call of each shape answers. */
const ANSWERS = {
  unary: [SAMPLE],
  clientStream: [{ count: 2, last: OTHER.sample }],
  serverStream: [SAMPLE, { index: 1, ...SAMPLE }],
  bidi: [SAMPLE, { index: 1, ...OTHER }],
};

async function callAllShapes(
  argsOf: (method: string, data: string) => string[],
): Promise<Record<keyof typeof ANSWERS, unknown[]>> {
  const call = async (method: string, data: string): Promise<unknown[]> => {
    const run = await inboard(argsOf(method, data));
    expect(run).toMatchObject({ code: 0, stderr: '' });
    return jsonLines(run);
  };
  const two = `${JSON.stringify(SAMPLE)} ${JSON.stringify(OTHER)}`;
  return {
    unary: await call('Unary', JSON.stringify(SAMPLE)),
    clientStream: await call('ClientStream', two),
    serverStream: await call('ServerStream', JSON.stringify({ ...SAMPLE, count: 2 })),
    bidi: await call('Bidi', two),
  };
}

for (const { name, missing, start } of peers) {
  describe.skipIf(missing)(`call of ${name}`, { timeout: 60_000 }, () => {
    test('all four shapes', async () => {
      await using peer = await start();
      const answers = await callAllShapes((method, data) => {
        return byImage(method, peer.port, '-d', data);
      });
      expect(answers).toEqual(ANSWERS);
    });

    test('to and fro, as it is typed', async () => {
      await using peer = await start();
      const run = startInboard(byImage('Bidi', peer.port, '-d', '@'));
      run.child.stdin?.write('{"sample":{"text":"first"}}\n');
      await run.printed('{"sample":{"text":"first"}}\n');
      run.child.stdin?.write('{"sample":{"text":"second"}}\n');
      await run.printed('{"index":1,"sample":{"text":"second"}}\n');
      run.child.stdin?.end();
      expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
    });

    test('metadata there and back, and a failure with its message', async () => {
      await using peer = await start();
      const headers = ['-H', 'x-text: a', '-H', 'x-bytes-bin: AP8s'];
      const good = await inboard(byImage('Unary', peer.port, '-v', ...headers));
      expect(good.stdout).toBe('{}\n');
      for (const mark of ['>', '< header', '< trailer']) {
        expect(good.stderr).toMatch(new RegExp(`^${mark} x-text: a$`, 'm'));
        expect(good.stderr).toMatch(new RegExp(`^${mark} x-bytes-bin: AP8s$`, 'm'));
      }
      const fail = await inboard(byImage('Unary', peer.port, '-d', '{"sample":{"text":"fail"}}'));
      const { error } = JSON.parse(fail.stderr) as { error: Record<string, unknown> };
      expect(error).toMatchObject({ status: 'OUT_OF_RANGE', code: 11 });
      expect(error['message']).toContain('Größe 100% 🧊');
      expect(fail.code).toBe(64 + 11);
    });

    test('a time limit, and the end of a call that is interrupted', async () => {
      await using peer = await start();
      const hang = ['-d', '{"sample":{"text":"hang"}}', '--timeout', '30s'];
      const run = startInboard(byImage('Unary', peer.port, ...hang));
      const remaining = await peer.hung();
      expect(remaining).toBeGreaterThan(0);
      expect(remaining).toBeLessThanOrEqual(30);
      run.child.kill('SIGINT');
      await peer.cancelled();
      expect(await run.ended).toEqual({ code: 130, stdout: '', stderr: '' });
    });

    test('over TLS, with a certificate of its own', async () => {
      await using peer = await start(files);
      const trust = ['--cacert', files.ca];
      const own = ['--cert', files.clientCert, '--key', files.clientKey];
      const data = ['-d', '{"sample":{"text":"a"}}'];
      const good = await inboard(byImage('Unary', peer.port, ...trust, ...own, ...data));
      expect(good).toMatchObject({ code: 0, stderr: '' });
      expect(jsonLines(good)).toEqual([{ sample: { text: 'a' } }]);
      for (const args of [trust, ['--tls', ...own], ['--plaintext']]) {
        const refused = await inboard(byImage('Unary', peer.port, ...args, ...data));
        expect(JSON.parse(refused.stderr)).toMatchObject({ error: { status: 'UNAVAILABLE' } });
        expect(refused.code).toBe(78);
      }
    });
  });
}

describe('call', { timeout: 60_000 }, () => {
  test('a server without reflection says how to do without', async () => {
    const server = await stockServer(shapes as unknown as PeerService);
    try {
      const target = ['--target', `127.0.0.1:${server.port}`];
      const { code, stderr } = await inboard(['call', `${SHAPES}/Unary`, ...target]);
      expect(stderr).toMatch(/serves no reflection.*--image FILE/s);
      expect(code).toBe(76);
    } finally {
      server.stop();
    }
  });

  test.each(['v1', 'v1alpha'] as const)('a stock server with reflection %s', async (version) => {
    const prepare = await reflectionOf(version, made.image);
    const server = await stockServer(shapes as unknown as PeerService, { prepare });
    try {
      const target = ['-t', `127.0.0.1:${server.port}`, '-o', 'json'];
      const answers = await callAllShapes((method, data) => {
        return ['call', `${SHAPES}/${method}`, ...target, '-d', data];
      });
      expect(answers).toEqual(ANSWERS);
    } finally {
      server.stop();
    }
  });
});

describe('TLS', { timeout: 60_000 }, () => {
  test('trusts whom it is told to, and nobody else', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const good = await inboard(byImage('Unary', server.port, '--cacert', files.ca));
    expect(good).toMatchObject({ code: 0, stdout: '{}\n', stderr: '' });

    const strange = await inboard(byImage('Unary', server.port, '--tls'));
    expect(JSON.parse(strange.stderr)).toMatchObject({
      error: {
        status: 'UNAVAILABLE',
        hint: expect.stringContaining('The certificate is the matter') as string,
      },
    });
    expect(strange.code).toBe(78);
    const plain = await inboard(byImage('Unary', server.port));
    expect(plain.code).toBe(78);
  });

  test('goes by another name where it is told one', async () => {
    const named = authority.issue({ commonName: 'x', names: ['DNS:orders.example'] });
    const came: unknown[] = [];
    await using server = await startSecure({
      credentials: serverTls(named),
      implementation: {
        async unary(_request, { call }) {
          came.push(call.method.path);
          return {};
        },
      },
    });
    const tls = ['--cacert', files.ca];
    const wrong = await inboard(byImage('Unary', server.port, ...tls));
    expect(wrong.code).toBe(78);
    for (const option of ['--servername', '--authority']) {
      const right = await inboard(byImage('Unary', server.port, ...tls, option, 'orders.example'));
      expect(right).toMatchObject({ code: 0, stderr: '' });
    }
    expect(came).toHaveLength(2);
  });

  test('shows a certificate of its own', async () => {
    const subjects: unknown[] = [];
    await using server = await startSecure({
      credentials: serverTls({ ca: authority.ca, ...localhost }, { clientCertificate: 'require' }),
      server: { authenticate: mtls() },
      implementation: {
        async unary(_request, { identity }) {
          subjects.push(identity?.subject);
          return {};
        },
      },
    });
    const tls = ['--cacert', files.ca];
    const pair = ['--cert', files.clientCert, '--key', files.clientKey];
    const good = await inboard(byImage('Unary', server.port, ...tls, ...pair));
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(subjects).toEqual(['me.example']);
    const half = await inboard(byImage('Unary', server.port, ...tls, ...pair.slice(0, 2)));
    expect(half.stderr).toContain('`key` is missing');
    expect(half.code).toBe(2);
  });
});
