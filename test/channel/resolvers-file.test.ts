import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { fileResolver } from '../../src/channel/resolvers/file.ts';
import { parseTarget } from '../../src/channel/target.ts';
import type { Server } from '../../src/index.ts';
import { ConfigError, createChannel, createClient, createServer } from '../../src/index.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { testRuntime as realRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { recorder, turn } from './resolver-recorder.ts';

const folder = mkdtempSync(join(tmpdir(), 'inboard-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

let folders = 0;

/** A new folder, and in it the file that is followed, on a clock that the test moves. */
async function setUp(content?: string | Uint8Array) {
  const below = join(folder, String(folders++));
  await mkdir(below);
  const path = join(below, 'orders');
  if (content !== undefined) await writeFile(path, content);
  const { clock, ...rest } = testRuntime();
  const resolver = fileResolver(parseTarget(`file://${path}`), { clock, ...rest });
  const { told, listener } = recorder();
  return {
    below,
    path,
    clock,
    resolver,
    told,
    start: () => resolver.start(listener),
    /**
     * Resolves to what was told last when that is `count` things. Time passes in small steps, so
     * that what was changed settles; the watch is proved by less time than the poll takes.
     */
    async tells(count: number, stepMs = 2): Promise<string | undefined> {
      await expect
        .poll(() => (clock.advance(stepMs), told.length), { interval: 2, timeout: 5_000 })
        .toBeGreaterThanOrEqual(count);
      expect(told).toHaveLength(count);
      return told.at(-1);
    },
    /** Writes another file and puts it in its place. */
    async replace(text: string): Promise<void> {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    },
    [Symbol.dispose]: () => resolver.close(),
  };
}

describe('what it lists', () => {
  test('one endpoint a line, with comments and blank lines', async () => {
    using file = await setUp(
      '\uFEFF# the fleet\n10.0.0.1:50051\r\n\n  [fd00::1]:2  # the new one\n#10.0.0.9:1\n' +
        'unix:/run/a#1.sock\norders:3',
    );
    file.start();
    expect(await file.tells(1)).toBe(
      '10.0.0.1:50051 as 10.0.0.1:50051, [fd00::1]:2 as [fd00::1]:2, ' +
        'unix:/run/a#1.sock as localhost, orders:3 as orders:3',
    );
  });

  test.each([
    ['10.0.0.1:1\n10.0.0.2\n', "'10.0.0.2' in PATH:2 has no port"],
    ['# a\n\n10.0.0.1:1 10.0.0.2:2\n', "'10.0.0.1:1 10.0.0.2:2' in PATH:3 is no host:port"],
    ['a:99999', 'Port 99999 in PATH:1 is above 65535'],
    ['a:1\nunix:\n', "'unix:' in PATH:2 has no path"],
  ])('%j is an error that names the line', async (text, message) => {
    using file = await setUp(text);
    file.start();
    expect(await file.tells(1)).toContain(`error: The endpoints are wrong: `);
    expect(file.told[0]).toContain(message.replace('PATH', file.path));
  });

  test.each([
    ['more than 1 MiB', 'a:1\n'.repeat(2 ** 18 + 1), 'more than the 1048576 allowed'],
    ['no UTF-8', new Uint8Array([0xff, 0xfe]), 'no UTF-8 text'],
  ])('%s is refused', async (_name, content, message) => {
    using file = await setUp(content);
    file.start();
    expect(await file.tells(1)).toContain(`error: The file ${file.path} cannot be read: `);
    expect(file.told[0]).toContain(message);
  });

  test('a folder or a pipe in its place is refused, and nothing waits for a writer', async () => {
    using file = await setUp();
    execFileSync('mkfifo', [file.path]);
    file.start();
    expect(await file.tells(1)).toContain('no regular file');
    await unlink(file.path);
    await file.tells(2);
    await mkdir(file.path);
    expect(await file.tells(3)).toContain('no regular file');
  });
});

describe('the target', () => {
  test('a relative path is one below the current folder, and %20 a space', async () => {
    using file = await setUp('a:1');
    const target = `file:${relative(process.cwd(), file.path)}%20two`;
    await rename(file.path, `${file.path} two`);
    const { told, listener } = recorder();
    const resolver = fileResolver(parseTarget(target), realRuntime());
    resolver.start(listener);
    await expect.poll(() => told).toEqual(['a:1 as a:1']);
    resolver.close();
  });

  test.each(['file://host/run/orders', 'file:///run/100%'])('%s is refused', (target) => {
    expect(() => fileResolver(parseTarget(target), testRuntime())).toThrow(ConfigError);
  });
});

describe('changes', () => {
  const first = '10.0.0.1:1';
  const asTold = (text: string): string => `${text} as ${text}`;

  test('a file renamed into its place, again and again', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    for (let i = 2; i < 6; i++) {
      await file.replace(`10.0.0.${i}:1\n`);
      expect(await file.tells(i)).toBe(asTold(`10.0.0.${i}:1`));
    }
    expect(file.clock.now()).toBeLessThan(1_000);
  });

  test('a file truncated and written in place', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    await truncate(file.path);
    expect(await file.tells(2)).toBe(`error: The file ${file.path} lists no endpoint`);
    await writeFile(file.path, '10.0.0.2:1');
    expect(await file.tells(3)).toBe(asTold('10.0.0.2:1'));
    expect(file.clock.now()).toBeLessThan(1_000);
  });

  test('a file that goes and returns: the same list is told again', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    await rename(file.path, `${file.path}.away`);
    expect(await file.tells(2)).toContain(`error: The file ${file.path} cannot be read: ENOENT`);
    await rename(`${file.path}.away`, file.path);
    expect(await file.tells(3)).toBe(asTold(first));
    expect(file.clock.now()).toBeLessThan(1_000);
  });

  test('a bad file, and the good one after it', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    await file.replace('10.0.0.2:1\n10.0.0.3:\n');
    expect(await file.tells(2)).toContain(`in ${file.path}:2 is no host:port`);
    await file.replace(first);
    expect(await file.tells(3)).toBe(asTold(first));
  });

  test('links whose folder is swapped, as Kubernetes mounts files', async () => {
    using file = await setUp();
    for (const name of ['one', 'two']) await mkdir(join(file.below, name));
    await writeFile(join(file.below, 'one', 'orders'), first);
    await writeFile(join(file.below, 'two', 'orders'), '10.0.0.2:1');
    await symlink('one', join(file.below, '..data'));
    await symlink(join('..data', 'orders'), file.path);
    file.start();
    expect(await file.tells(1)).toBe(asTold(first));
    await symlink('two', join(file.below, '..data.new'));
    await rename(join(file.below, '..data.new'), join(file.below, '..data'));
    expect(await file.tells(2)).toBe(asTold('10.0.0.2:1'));
    expect(file.clock.now()).toBeLessThan(1_000);
  });

  test('a folder that comes later, goes, and returns: by a look once a second', async () => {
    using file = await setUp();
    await rm(file.below, { recursive: true });
    file.start();
    expect(await file.tells(1)).toContain('ENOENT');
    await mkdir(file.below);
    await writeFile(file.path, first);
    expect(await file.tells(2, 20)).toBe(asTold(first));
    expect(file.clock.now()).toBeGreaterThanOrEqual(1_000);
    await rm(file.below, { recursive: true });
    expect(await file.tells(3, 20)).toContain('ENOENT');
    await mkdir(file.below);
    await writeFile(file.path, '10.0.0.2:1');
    expect(await file.tells(4, 20)).toBe(asTold('10.0.0.2:1'));
    // The folder that returned is watched as the first one was: one of these a look may see.
    const sinceMs = file.clock.now();
    for (let i = 5; i < 8; i++) {
      await file.replace(`10.0.0.${i}:1`);
      expect(await file.tells(i)).toBe(asTold(`10.0.0.${i}:1`));
    }
    expect(file.clock.now() - sinceMs).toBeLessThan(1_000);
  });

  test('a storm of changes is read when it has settled, and its last state counts', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    for (let i = 0; i < 200; i++) await file.replace(`10.0.${i}.1:1\n`);
    expect(await file.tells(2)).toBe(asTold('10.0.199.1:1'));
  });

  test('what changes nothing is not told', async () => {
    using file = await setUp(first);
    file.start();
    await file.tells(1);
    for (let i = 0; i < 5; i++) {
      await file.replace(first);
      await writeFile(join(file.below, 'another'), String(i));
      // It was noticed, which is one timer more, and is then read.
      const timers = (): number => (file.clock.advance(2), file.clock.pending);
      await expect.poll(timers, { interval: 2 }).toBe(2);
      await expect.poll(timers, { interval: 2 }).toBe(1);
      for (let j = 0; j < 50; j++) await turn();
    }
    await file.replace('10.0.0.2:1');
    expect(await file.tells(2)).toBe(asTold('10.0.0.2:1'));
  });
});

describe('an empty file', () => {
  test('is believed after 30 s', async () => {
    using file = await setUp('10.0.0.1:1');
    file.start();
    await file.tells(1);
    await file.replace('# nobody here\n');
    await file.tells(2);
    const why = `The file ${file.path} lists no endpoint`;
    file.clock.advance(29_900);
    expect(file.told.slice(1)).toEqual([`error: ${why}`]);
    file.clock.advance(100);
    expect(file.told.slice(1)).toEqual([`error: ${why}`, `gone: ${why}`]);
    await file.replace('10.0.0.2:1');
    expect(await file.tells(4)).toBe('10.0.0.2:1 as 10.0.0.2:1');
  });

  test.each([
    ['a list', '10.0.0.2:1'],
    ['a mistake', '10.0.0.2'],
  ])('that %s follows is not', async (_name, text) => {
    using file = await setUp('10.0.0.1:1');
    file.start();
    await file.tells(1);
    await file.replace('');
    await file.tells(2);
    file.clock.advance(20_000);
    await file.replace(text);
    await file.tells(3);
    file.clock.advance(60_000);
    expect(file.told.filter((one) => one.startsWith('gone'))).toEqual([]);
  });

  test('that goes meanwhile is not, for a file that is gone says nothing', async () => {
    using file = await setUp('10.0.0.1:1');
    file.start();
    await file.tells(1);
    await file.replace('');
    await file.tells(2);
    await unlink(file.path);
    expect(await file.tells(3)).toContain('ENOENT');
    file.clock.advance(60_000);
    expect(file.told).toHaveLength(3);
  });
});

describe('plaintext', () => {
  test.each([
    ['127.0.0.1:1\n[::1]:2\nlocalhost:3\nunix:/run/a', true],
    ['127.0.0.1:1\n10.0.0.1:1', false],
    ['127.0.0.1', false],
    ['', false],
    [undefined, false],
  ])('%j implies it: %s', async (content, loopback) => {
    using file = await setUp(content);
    expect(file.resolver.loopback).toBe(loopback);
  });

  test('an address elsewhere that comes later is refused, also while nothing has started', async () => {
    using file = await setUp('127.0.0.1:1');
    await file.replace('127.0.0.1:1\n10.0.0.1:1\n');
    file.start();
    expect(await file.tells(1)).toContain('error: 10.0.0.1:1 is refused');
    await file.replace('127.0.0.1:1\n127.0.0.2:1\n');
    expect(await file.tells(2)).toBe('127.0.0.1:1 as 127.0.0.1:1, 127.0.0.2:1 as 127.0.0.2:1');
    await file.replace('10.0.0.1:1\n');
    expect(await file.tells(3)).toContain('error: 10.0.0.1:1 is refused');
  });

  test('a file that names others from the beginning may change as it likes', async () => {
    using file = await setUp('10.0.0.1:1');
    file.start();
    await file.tells(1);
    await file.replace('127.0.0.1:1');
    await file.tells(2);
    await file.replace('10.0.0.2:1');
    expect(await file.tells(3)).toBe('10.0.0.2:1 as 10.0.0.2:1');
  });
});

test('closed before its first look is over, it tells nothing and leaves nothing', async () => {
  using file = await setUp('10.0.0.1:1');
  file.start();
  file.resolver.close();
  await writeFile(file.path, '10.0.0.2:1');
  const other = recorder();
  const still = fileResolver(parseTarget(`file://${file.path}`), realRuntime());
  still.start(other.listener);
  await expect.poll(() => other.told).toEqual(['10.0.0.2:1 as 10.0.0.2:1']);
  still.close();
  expect(file.told).toEqual([]);
  expect(file.clock.pending).toBe(0);
});

test('a channel follows its file over real sockets, and no call fails on the way', async () => {
  const runtime = realRuntime();
  const serve = async (name: string): Promise<{ server: Server; address: string }> => {
    const server = createServer({ runtime }).add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: name } }),
    });
    return { server, address: (await server.listen('127.0.0.1:0')).address };
  };
  const fleet = await Promise.all(['a', 'b', 'c'].map(serve));
  using file = await setUp(fleet[0]?.address);
  await using channel = createChannel(`file://${file.path}`, {
    runtime,
    balancer: 'round_robin',
    slowStart: false,
  });
  const client = createClient(ShapesServiceDefinition, channel);
  const answers = async (): Promise<string> => {
    const seen = new Set<string>();
    for (let i = 0; i < 12; i++) seen.add((await client.unary({})).sample?.text ?? '');
    return [...seen].toSorted().join('');
  };
  expect(await answers()).toBe('a');
  const settles = { timeout: 5_000 };
  await file.replace(fleet.map(({ address }) => address).join('\n'));
  await expect.poll(answers, settles).toBe('abc');
  await file.replace(`${fleet[1]?.address}\n${fleet[2]?.address}`);
  await expect.poll(answers, settles).toBe('bc');
  await unlink(file.path);
  await fleet[1]?.server[Symbol.asyncDispose]();
  await file.replace(`${fleet[2]?.address}\nno-port`);
  await expect.poll(answers, settles).toBe('c');
  for (const { server } of fleet) await server[Symbol.asyncDispose]();
});
