import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { buf } from '../interop/buf.ts';
import { inboard } from './cli.ts';

let project = '';

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'inboard-buf-'));
  await mkdir(join(project, 'proto', 'shop', 'v1'), { recursive: true });
  await writeFile(join(project, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\n');
  await symlink(join(import.meta.dirname, '../../node_modules'), join(project, 'node_modules'));
});

afterAll(() => rm(project, { recursive: true }));

/** Makes the contract anew: one message with one field. */
async function write(field: string): Promise<void> {
  const file = join(project, 'proto/shop/v1/shop.proto');
  const text = `syntax = "proto3";\n\npackage shop.v1;\n\nmessage Shop {\n  ${field}\n}\n`;
  await writeFile(file, text);
}

describe('lint, format, breaking, generate', { timeout: 30_000 }, () => {
  test('pass on what buf says, and its exit code', async () => {
    await write('string Name = 1;');
    const lint = await inboard(['lint', '--error-format', 'json'], { cwd: project });
    expect(JSON.parse(lint.stdout)).toMatchObject({ type: 'FIELD_LOWER_SNAKE_CASE' });
    expect(lint.code).toBe(100);
    await write('string  name = 1;');
    expect(await inboard(['lint'], { cwd: project })).toEqual({ code: 0, stdout: '', stderr: '' });
    const format = await inboard(['format', '--diff', '--exit-code'], { cwd: project });
    expect(format.stdout).toContain('+  string name = 1;');
    expect(format.code).toBe(100);
  });

  test('find a change that breaks callers', async () => {
    await write('string name = 1;');
    const against = ['breaking', '--against', 'before.binpb'];
    const missing = await inboard(against, { cwd: project });
    expect(missing.stderr).toContain('before.binpb');
    expect(missing.code).toBe(1);
    const built = await buf(['build', join(project, 'proto'), '-o', join(project, 'before.binpb')]);
    expect(built.code).toBe(0);
    expect((await inboard(against, { cwd: project })).code).toBe(0);
    await write('int32 name = 1;');
    const { code, stdout } = await inboard(against, { cwd: project });
    expect(stdout).toMatch(/shop\.proto:6:3:.*changed type/);
    expect(code).toBe(100);
  });

  test('generate code', async () => {
    const { code, stderr } = await inboard(['generate'], { cwd: project });
    expect(stderr).toContain('buf.gen.yaml');
    expect(code).toBe(1);
  });

  test("hand buf's own help on", async () => {
    const { code, stdout } = await inboard(['lint', '--', '--help'], { cwd: project });
    expect(stdout).toContain('--error-format');
    expect(code).toBe(0);
  });

  test('say how to install buf where it is not', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'inboard-no-buf-'));
    try {
      for (const args of [['lint'], ['list', '--proto', '.']]) {
        const { code, stderr } = await inboard(args, { cwd: empty });
        expect(stderr).toMatch(/buf is not installed in .*\n {2}.*npm i -D @bufbuild\/buf\n$/);
        expect(code).toBe(1);
      }
    } finally {
      await rm(empty, { recursive: true });
    }
  });
});
