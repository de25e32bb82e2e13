import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { fixtureTree } from '../tooling/fixture-tree.ts';
import { inboard, startInboard } from './cli.ts';
import { GIT, pathOf } from './new-fixture.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

describe('where npm', () => {
  const failing = 'console.error("npm error code E404\\nnpm error 404 inboard@0.1.0 not found");';

  test('fails: what it said, what is left to do, exit code 1', async () => {
    const cwd = await fixtureTree({});
    const PATH = await pathOf(join(cwd, 'bin'), { npm: `${failing} process.exit(3);` });
    const { code, stdout, stderr } = await inboard(['new', 'shop'], { cwd, env: { PATH } });
    expect(stderr).toContain(
      '\nnpm install …\ninboard: `npm install` exited with 3:\nnpm error code E404\n',
    );
    expect(stderr).toContain(
      'All files are in shop/; go on there with:\n  npm install\n  npm run gen',
    );
    expect(stderr).toContain('remove shop/ and give --inboard FILE');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(1);
    expect(await readdir(join(cwd, 'shop'))).toContain('package.json');
  });

  test('cannot generate code: that is what is left to do', async () => {
    const cwd = await fixtureTree({});
    const script =
      'if (process.argv[2] === "run") { console.log("a.proto:1:1: no"); process.exit(1); }';
    const PATH = await pathOf(join(cwd, 'bin'), { npm: script });
    const args = ['new', 'shop', '-o', 'json'];
    const { code, stderr } = await inboard(args, { cwd, env: { PATH } });
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        name: 'shop',
        step: 'npm run generate',
        message: '`npm run generate` exited with 1:\na.proto:1:1: no',
        hint: 'All files are in shop/; go on there with:\nnpm run generate',
        exitCode: 1,
      },
    });
  });

  test('is missing', async () => {
    const cwd = await fixtureTree({});
    const PATH = await pathOf(join(cwd, 'bin'), {}, { alone: true });
    const { code, stderr } = await inboard(['new', 'shop'], { cwd, env: { PATH } });
    expect(stderr).toMatch(/npm is not installed, or not on the PATH\n {2}.*go on there with:/);
    expect(code).toBe(1);
  });

  test('is interrupted by Ctrl-C: exit code 130, and nothing runs on', async () => {
    const cwd = await fixtureTree({});
    // As npm does it: the work is done by a process of its own.
    const npm = `require('node:child_process').spawn(process.execPath, ['${join(cwd, 'work.js')}'], { stdio: 'inherit' });`;
    await writeFile(
      join(cwd, 'work.js'),
      `require('node:fs').writeFileSync('../pid', String(process.pid)); setInterval(() => {}, 1000);`,
    );
    const PATH = await pathOf(join(cwd, 'bin'), { npm });
    const run = startInboard(['new', 'shop'], { cwd, env: { PATH } });
    const pid = await written(join(cwd, 'pid'));
    run.child.kill('SIGINT');
    const { code, stdout, stderr } = await run.ended;
    expect(stderr).toMatch(
      /\ninboard: interrupted at: npm install\n {2}shop\/ is half made\. Remove/,
    );
    expect(stdout).toBe('');
    expect(code).toBe(130);
    await gone(Number(pid));
  });
});

describe('nobody reading', () => {
  test.each(['stdout', 'stderr'] as const)('%s stops nothing half-way', async (stream) => {
    const cwd = await fixtureTree({});
    const PATH = await pathOf(join(cwd, 'bin'), {
      npm: 'if (process.argv[2] === "run") require("node:fs").writeFileSync("generated.txt", "");',
    });
    const child = spawn(process.execPath, [MAIN, 'new', 'shop', '--no-git'], {
      cwd,
      env: { ...process.env, PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child[stream].destroy();
    const other = stream === 'stdout' ? child.stderr : child.stdout;
    let text = '';
    other.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(text).not.toMatch(/EPIPE|^\s+at /m);
    expect(await readdir(join(cwd, 'shop'))).toContain('generated.txt');
  });
});

describe('git', () => {
  const git = (cwd: string, ...args: string[]): string =>
    spawnSync('git', args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, ...GIT },
    }).stdout.trim();

  async function made(cwd: string, env: Readonly<Record<string, string>>): Promise<unknown> {
    const args = ['new', 'shop', '--no-install', '-o', 'json'];
    const { code, stdout } = await inboard(args, { cwd, env });
    expect(code).toBe(0);
    return (JSON.parse(stdout) as { readonly repository: string }).repository;
  }

  test('gets all files in one commit, also from within a hook of another repository', async () => {
    const cwd = await fixtureTree({});
    // What git tells its hooks.
    const hook = { GIT_DIR: join(cwd, 'elsewhere'), GIT_INDEX_FILE: join(cwd, 'index') };
    expect(await made(cwd, { ...GIT, ...hook })).toBe('committed');
    const shop = join(cwd, 'shop');
    expect(git(shop, 'log', '--format=%an %s', 'main')).toBe(
      'Ada The project as `inboard new` made it',
    );
    expect(git(shop, 'status', '--porcelain')).toBe('');
    expect(await readdir(cwd)).toEqual(['shop']);
  });

  test('makes none inside another', async () => {
    const cwd = await fixtureTree({});
    git(cwd, 'init', '--quiet');
    expect(await made(cwd, GIT)).toBe('another');
    expect(await readdir(join(cwd, 'shop'))).not.toContain('.git');
  });

  test('does not know by whom: the project is made all the same, and says so', async () => {
    const cwd = await fixtureTree({});
    const env = {
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'user.useConfigOnly',
      GIT_CONFIG_VALUE_0: 'true',
      EMAIL: '',
    };
    const { code, stdout, stderr } = await inboard(['new', 'shop', '--no-install'], { cwd, env });
    expect(stderr).toMatch(
      /git commit failed:\n(?:.*\n)*The files are there: commit them yourself/,
    );
    expect(stdout).toMatch(/^shop is ready\. Next:/);
    expect(code).toBe(0);
  });

  test('is not installed: the same', async () => {
    const cwd = await fixtureTree({});
    const PATH = await pathOf(join(cwd, 'bin'), {}, { alone: true });
    expect(await made(cwd, { PATH })).toBe('none');
  });
});

/** The text of a file, once there is one. */
async function written(file: string): Promise<string> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text !== '') return text;
    await new Promise(setImmediate);
  }
}

/** Returns once a process has ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise(setImmediate);
  }
}
