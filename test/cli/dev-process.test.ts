import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { finished } from 'node:stream/promises';

import { describe, expect, test } from 'vitest';

import { DevProject, isAlive } from './dev-project.ts';

/** Says that it runs, and drains for ever. */
const STUBBORN = `process.on('SIGTERM', () => console.log('asked to end'));
setInterval(() => {}, 1_000);
console.log('runs');
`;

function server(text: string): Promise<DevProject> {
  return DevProject.make({ 'src/server.ts': text });
}

describe('the process of dev', { timeout: 60_000 }, () => {
  test('is waited for where it crashes or ends by itself, until a change', async () => {
    const project = await server("throw new Error('oops');\n");
    await using dev = project.dev('--no-check');
    const { pid } = await dev.until('started');
    const crashed = { event: 'ended', entry: 'src/server.ts', pid, signal: null, asked: false };
    expect(await dev.next()).toEqual({ ...crashed, code: 1 });
    await dev.run.told('Error: oops');
    await project.write('src/server.ts', "console.log('all done');\n");
    const again = await dev.until('started');
    expect(await dev.next()).toEqual({ ...crashed, pid: again.pid, code: 0 });
    await project.write('src/server.ts', "process.kill(process.pid, 'SIGABRT');\n");
    await dev.until('started');
    expect(await dev.next()).toMatchObject({ code: null, signal: 'SIGABRT', asked: false });
  });

  test('is killed where it takes too long to end', async () => {
    const project = await server(STUBBORN);
    await using dev = project.dev('--no-check', '--grace', '200ms');
    const { pid } = await dev.until('started');
    await dev.run.told('runs');
    await project.write('src/server.ts', "console.log('another');\n");
    expect(await dev.until('killed')).toEqual({ event: 'killed', pid, graceMs: 200 });
    expect(await dev.next()).toMatchObject({ pid, signal: 'SIGKILL', asked: true });
    await dev.until('started');
    await dev.run.told('another');
  });

  test('is asked to end on Ctrl-C, and waited for', async () => {
    const project = await server(`const timer = setInterval(() => {}, 1_000);
process.on('SIGTERM', () => {
  console.log('drained');
  clearInterval(timer);
  process.exitCode = 7;
});
console.log('runs', process.env['INBOARD_DEV']);`);
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      await using dev = project.dev('--no-check');
      const { pid } = await dev.until('started');
      await dev.run.told('runs 1');
      dev.run.child.kill(signal);
      expect(await dev.next()).toMatchObject({ event: 'ended', pid, code: 7, asked: true });
      const run = await dev.run.ended;
      expect(run.code).toBe(code);
      expect(run.stderr).toContain('drained');
      expect(isAlive(pid)).toBe(false);
    }
  });

  test('is killed by a second Ctrl-C; what npm repeats of the first is none', async () => {
    const project = await server(STUBBORN);
    await using dev = project.dev('--no-check');
    const { pid } = await dev.until('started');
    await dev.run.told('runs');
    dev.run.child.kill('SIGINT');
    await dev.run.told('asked to end');
    dev.run.child.kill('SIGINT');
    expect(await dev.next()).toMatchObject({ event: 'note' });
    expect(isAlive(pid)).toBe(true);
    dev.run.child.kill('SIGINT');
    expect((await dev.run.ended).code).toBe(130);
  });

  test('ends with all that it started, however dev ends', async () => {
    const project = await server(`import { spawn } from 'node:child_process';
spawn(process.execPath, ['-e', "console.log('grandchild'); setInterval(() => {}, 1e3)"], {
  stdio: 'inherit',
});`);
    for (const signal of ['SIGINT', 'SIGKILL', 'SIGABRT'] as const) {
      await using dev = project.dev('--no-check');
      await dev.run.told('grandchild');
      dev.run.child.kill(signal);
      // Stderr is closed only when nobody is left who holds it.
      expect((await dev.run.ended).code).toBe(signal === 'SIGINT' ? 130 : null);
    }
  });

  test('ends with the tools that were under way', async () => {
    const came = createServer().listen(0, '127.0.0.1');
    await once(came, 'listening');
    const { port } = came.address() as AddressInfo;
    const project = await server('');
    await project.remove('node_modules');
    // A buf that never ends, started by a wrapper as the real one is.
    const slow = `require('node:net').connect(${port}, '127.0.0.1').resume()`;
    const wrapper = `#!/usr/bin/env node
const { spawnSync } = require('node:child_process');
if (process.argv[2] === 'config') console.log('proto');
else spawnSync(process.execPath, ['-e', ${JSON.stringify(slow)}]);
`;
    await project.write('node_modules/.bin/buf', wrapper);
    await project.allow('node_modules/.bin/buf');
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using dev = project.dev('--no-check');
      const [socket] = (await once(came, 'connection')) as [Socket];
      dev.run.child.kill(signal);
      await finished(socket.resume(), { error: false });
      expect((await dev.run.ended).code).toBe(signal === 'SIGINT' ? 130 : 143);
    }
    came.close();
  });

  test('ends quietly when nobody reads what dev says', async () => {
    const project = await server('setInterval(() => {}, 1_000);');
    await using dev = project.dev('--no-check');
    await dev.until('started');
    dev.run.child.stdout?.destroy();
    await project.write('src/a.ts', 'export {};\n');
    // The server holds stderr, too: it has ended.
    expect(await dev.run.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('has stdout to itself where people read', async () => {
    const project = await server("console.log('hello');\n");
    await using dev = project.people('--no-check');
    await dev.run.told('waiting for a change');
    await project.write('src/server.ts', "console.log('two'); process.exit(3);\n");
    await dev.run.told('crashed');
    await project.write('proto/shop/v1/shop.proto', 'syntax = "proto3";\nmessage {}\n');
    await dev.run.told('nothing runs until this is repaired');
    dev.run.child.kill('SIGINT');
    const { stdout, stderr, code } = await dev.run.ended;
    expect({ stdout, code }).toEqual({ stdout: 'hello\ntwo\n', code: 130 });
    const lines = stderr.replaceAll(/\d+\.\d s/g, 'N s').replaceAll(/pid \d+/g, 'pid N');
    expect(lines.split('\n')).toEqual([
      'inboard: src/server.ts, watching src, proto',
      'inboard: generate ok N s, wrote generated/shop/v1/shop.ts',
      'inboard: started src/server.ts (pid N)',
      'inboard: src/server.ts (pid N) ended with exit code 0; waiting for a change',
      'inboard: changed src/server.ts',
      'inboard: started src/server.ts (pid N)',
      'inboard: src/server.ts (pid N) crashed with exit code 3; waiting for a change',
      'inboard: changed proto/shop/v1/shop.proto',
      'inboard: generate failed N s',
      'proto/shop/v1/shop.proto:2:1:missing name after `message`',
      'inboard: nothing runs until this is repaired',
      '',
    ]);
  });
});
