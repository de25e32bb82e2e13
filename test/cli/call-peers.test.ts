import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { mtls } from '../../src/auth.ts';
import { serverTls } from '../../src/index.ts';
import type { PeerService } from '../interop/stock-server.ts';
import { stockServer } from '../interop/stock-server.ts';
import { authority, localhost, startSecure } from '../security/secure-server.ts';
import { shapes } from '../support/shapes-service.ts';
import { inboard, jsonLines } from './cli.ts';
import type { Descriptors } from './descriptors.ts';
import { makeDescriptors } from './descriptors.ts';
import { reflectingServer } from './reflecting-server.ts';

const PYTHON = process.env['INBOARD_PYTHON'] ?? '/usr/bin/python3';
const missing = spawnSync(PYTHON, ['-c', 'import grpc']).status !== 0;
const why = missing ? `: not run because ${PYTHON} has no grpcio` : '';

let made: Descriptors;

beforeAll(async () => {
  made = await makeDescriptors();
}, 30_000);

afterAll(() => made.remove());

const SHAPES = 'inboard.testing.v1.ShapesService';

/** Arguments of a call by the contract in a file. */
function byImage(method: string, port: number, ...args: string[]): string[] {
  const target = `127.0.0.1:${port}`;
  return ['call', `${SHAPES}/${method}`, '-t', target, '--image', made.image, '-ojson', ...args];
}

/** All four shapes, by the contract in a file. */
async function expectAllShapes(port: number): Promise<void> {
  const call = async (method: string, data: string): Promise<unknown[]> => {
    const run = await inboard(byImage(method, port, '-d', data));
    expect(run).toMatchObject({ code: 0, stderr: '' });
    return jsonLines(run);
  };
  const a = { sample: { text: 'a' } };
  const two = '{"sample":{"text":"a"}} {"sample":{"text":"b"}}';
  expect(await call('Unary', JSON.stringify(a))).toEqual([a]);
  expect(await call('ClientStream', two)).toEqual([{ count: 2, last: { text: 'b' } }]);
  const answers = [a, { index: 1, ...a }];
  expect(await call('ServerStream', '{"sample":{"text":"a"},"count":2}')).toEqual(answers);
  expect(await call('Bidi', two)).toEqual([a, { index: 1, sample: { text: 'b' } }]);
}

describe('call', { timeout: 60_000 }, () => {
  test('a stock server without reflection', async () => {
    const server = await stockServer(shapes as unknown as PeerService);
    try {
      await expectAllShapes(server.port);
      const target = ['--target', `127.0.0.1:${server.port}`];
      const { code, stderr } = await inboard(['call', `${SHAPES}/Unary`, ...target]);
      expect(stderr).toMatch(/serves no reflection.*--image FILE/s);
      expect(code).toBe(76);
    } finally {
      server.stop();
    }
  });

  test.each(['v1', 'v1alpha'] as const)('a stock server with reflection %s', async (version) => {
    const server = await reflectingServer(version, made.image);
    try {
      const args = ['call', `${SHAPES}/Unary`, '-t', `127.0.0.1:${server.port}`, '-o', 'json'];
      const run = await inboard([...args, '-d', '{"sample":{"at":"2026-01-02T03:04:05Z"}}']);
      expect(jsonLines(run)).toEqual([{ sample: { at: '2026-01-02T03:04:05Z' } }]);
    } finally {
      server.stop();
    }
  });

  test.skipIf(missing)(`a server in Python${why}`, async () => {
    const script = new URL('../interop/python_peer.py', import.meta.url).pathname;
    const child = spawn(PYTHON, [script, 'server'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const { port } = JSON.parse(line) as { port: number };
      await expectAllShapes(port);
      const fail = await inboard(byImage('Unary', port, '-d', '{"sample":{"text":"fail"}}'));
      expect(JSON.parse(fail.stderr)).toMatchObject({ error: { status: 'OUT_OF_RANGE' } });
      expect(fail.code).toBe(64 + 11);
    } finally {
      child.stdin.end();
      child.kill();
      await exited;
    }
  });
});

describe('TLS', { timeout: 60_000 }, () => {
  /** A file of the test's folder. */
  async function file(name: string, text: string): Promise<string> {
    const path = join(made.folder, name);
    await writeFile(path, text);
    return path;
  }

  test('trusts whom it is told to, and nobody else', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const ca = await file('ca.pem', authority.ca);
    const good = await inboard(byImage('Unary', server.port, '--cacert', ca));
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
    const tls = ['--cacert', await file('ca.pem', authority.ca)];
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
    const own = authority.issue({ commonName: 'me', names: ['DNS:me.example'] });
    const tls = ['--cacert', await file('ca.pem', authority.ca)];
    const pair = ['--cert', await file('me.pem', own.cert), '--key', await file('me.key', own.key)];
    const good = await inboard(byImage('Unary', server.port, ...tls, ...pair));
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(subjects).toEqual(['me.example']);
    expect((await inboard(byImage('Unary', server.port, ...tls))).code).toBe(78);
    const half = await inboard(byImage('Unary', server.port, ...tls, ...pair.slice(0, 2)));
    expect(half.stderr).toContain('`key` is missing');
    expect(half.code).toBe(2);
  });
});
