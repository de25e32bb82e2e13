import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watchFile, unwatchFile } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { runInThisContext } from 'node:vm';

import { describe, expect, test } from 'vitest';

import { LeakError, leakCheck } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';

const PATIENCE_MS = 60;

/** What a check that settles at once finds left behind. */
async function leftBehind(check = leakCheck({ patienceMs: PATIENCE_MS })): Promise<string[]> {
  const error = await rejection(check.settled());
  expect(error).toBeInstanceOf(LeakError);
  return [...(error as LeakError).left];
}

describe('what is left behind is named', () => {
  test('a server and both ends of a socket', async () => {
    const check = leakCheck({ patienceMs: PATIENCE_MS });
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const [peer] = await accepted;
    expect(await leftBehind(check)).toEqual(['1 TCP server', '2 TCP sockets']);
    socket.destroy();
    peer.destroy();
    server.close();
  });

  test('timers, with the place that set them', async () => {
    const check = leakCheck({ patienceMs: PATIENCE_MS });
    const timers = [1, 2].map(() => setTimeout(() => undefined, 60_000));
    const interval = setInterval(() => undefined, 60_000);
    const [one, other, ...more] = await leftBehind(check);
    expect(one).toMatch(/^2 timers set at .*leak-check\.test\.ts:\d+:\d+\)?$/);
    expect(other).toMatch(/^1 timer set at .*leak-check\.test\.ts:\d+:\d+\)?$/);
    expect(more).toEqual([]);
    for (const timer of timers) clearTimeout(timer);
    clearInterval(interval);
  });

  test('a child process, a polled file and a unix socket server', async () => {
    const check = leakCheck({ patienceMs: PATIENCE_MS });
    const path = `/tmp/inboard-leak-${process.pid}.sock`;
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    watchFile(import.meta.filename, () => undefined);
    const server = createServer().listen(path);
    await once(server, 'listening');
    expect((await leftBehind(check)).toSorted()).toEqual([
      '1 child process',
      '1 polled file',
      // The child's stdin and the server.
      '2 pipes or unix sockets',
    ]);
    unwatchFile(import.meta.filename);
    server.close();
    child.stdin.end();
    await once(child, 'exit');
  });

  test('all in the message of the error', async () => {
    const check = leakCheck({ patienceMs: 0 });
    const server = createServer().listen(0);
    await once(server, 'listening');
    expect(check.left()).toEqual(['1 TCP server']);
    await expect(check.settled()).rejects.toThrow('Left behind: 1 TCP server');
    server.close();
  });
});

describe('what is no leak', () => {
  test('nothing, what was there before, and what fires or is cleared in time', async () => {
    const server = createServer().listen(0);
    await once(server, 'listening');
    const check = leakCheck();
    clearTimeout(setTimeout(() => undefined, 60_000));
    setTimeout(() => undefined, 60_000).unref();
    const fired = sleep(30);
    expect(check.left()).toHaveLength(1);
    await check.settled();
    await fired;
    expect(check.left()).toEqual([]);
    server.close();
  });

  test('a socket that closes a moment later', async () => {
    const check = leakCheck();
    const server = createServer().listen(0);
    await once(server, 'listening');
    setTimeout(() => server.close(), 30);
    await expect(check.settled()).resolves.toBeUndefined();
  });

  test('a timer of a test runner, but one of any other package', async () => {
    const setTimer = (file: string): NodeJS.Timeout =>
      runInThisContext(`setTimeout(() => undefined, 60_000)`, {
        filename: `/project/node_modules/${file}`,
      }) as NodeJS.Timeout;
    const check = leakCheck({ patienceMs: PATIENCE_MS });
    const timers = ['mocha/lib/runnable.js', '@vitest/runner/dist/index.js', 'nomocha/a.js'].map(
      setTimer,
    );
    expect(await leftBehind(check)).toEqual([
      '1 timer set at /project/node_modules/nomocha/a.js:1:1',
    ]);
    for (const timer of timers) clearTimeout(timer);
  });

  test('a timer that is set once the check is over', async () => {
    const check = leakCheck({ patienceMs: PATIENCE_MS });
    await check.settled();
    const timer = setTimeout(() => undefined, 60_000);
    expect(check.left()).toEqual([]);
    clearTimeout(timer);
  });
});

describe('await using', () => {
  test('looks at the end of the block', async () => {
    const server = createServer();
    const leaking = async (): Promise<void> => {
      await using _check = leakCheck({ patienceMs: PATIENCE_MS });
      server.listen(0);
      await once(server, 'listening');
    };
    await expect(leaking()).rejects.toBeInstanceOf(LeakError);
    server.close();
  });

  test('a verdict that was read is not told twice', async () => {
    const server = createServer();
    {
      await using check = leakCheck({ patienceMs: PATIENCE_MS });
      server.listen(0);
      await once(server, 'listening');
      await expect(check.settled()).rejects.toBeInstanceOf(LeakError);
      await expect(check.settled()).rejects.toBeInstanceOf(LeakError);
    }
    server.close();
    expect(server.listening).toBe(false);
  });
});

test('it works under node:test, whose own timers it leaves alone', async () => {
  const kit = pathToFileURL(new URL('../../src/testing/leak-check.ts', import.meta.url).pathname);
  const program = `
    import { test } from 'node:test';
    import { createServer } from 'node:net';
    import { once } from 'node:events';
    import { leakCheck } from '${kit.href}';
    test('clean', { timeout: 5_000 }, async () => {
      await using check = leakCheck({ patienceMs: 50 });
    });
    test('leaking', { timeout: 5_000 }, async (t) => {
      const server = createServer();
      t.after(() => server.close());
      await using check = leakCheck({ patienceMs: 50 });
      await once(server.listen(0), 'listening');
    });`;
  const args = ['--no-warnings', '--input-type=module', '--eval', program];
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const failed = await rejection(promisify(execFile)(process.execPath, args, { env }));
  const { stdout } = failed as { readonly stdout: string };
  expect(stdout).toMatch(/✔ clean|^ok 1 - clean/m);
  expect(stdout).toMatch(/✖ leaking|^not ok 2 - leaking/m);
  expect(stdout).toContain('Left behind: 1 TCP server');
});
