import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { tarballOf } from '../../src/cli/new/own-package.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';
import { inboard } from './cli.ts';
import { BARE, emptyTarball, filesOf } from './new-fixture.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}

describe('new writes', () => {
  test('a project by its name, everywhere', async () => {
    const cwd = await fixtureTree({});
    const { code, stdout, stderr } = await inboard(['new', 'my-2nd-shop', ...BARE], { cwd });
    expect(stderr).toMatch(/^\d+ files written to my-2nd-shop\/\n$/);
    expect(stdout).toMatch(
      /^my-2nd-shop is ready\. Next:\n\n {2}cd my-2nd-shop\n {2}npm install\n/,
    );
    expect(code).toBe(0);

    const files = await filesOf(join(cwd, 'my-2nd-shop'));
    for (const [name, text] of files) {
      expect(`${name}\n${text}`).not.toMatch(/project.?name|NODE_VERSION|inboard-\*/i);
    }
    const contract = files.get('proto/my_2nd_shop/v1/my_2nd_shop.proto');
    expect(contract).toContain('package my_2nd_shop.v1;');
    expect(contract).toContain('service My2ndShopService {');
    expect(files.get('src/service.ts')).toContain('export const my2ndShopService:');
    expect(files.get('src/client.ts')).toContain("process.env['MY_2ND_SHOP_TARGET']");
    for (const name of ['.gitignore', '.npmrc', '.dockerignore', '.github/workflows/ci.yml']) {
      expect([...files.keys()]).toContain(name);
    }
    const policy = await readFile('proto/inboard/policy/v1/policy.proto', 'utf8');
    expect(files.get('proto/inboard/policy/v1/policy.proto')).toBe(policy);
  });

  test('versions that inboard itself is tested with', async () => {
    const cwd = await fixtureTree({});
    await inboard(['new', 'shop', ...BARE], { cwd });
    const made = await manifestOf(join(cwd, 'shop'));
    const own = await manifestOf('.');
    const known: Record<string, string> = {
      ...own.devDependencies,
      ...own.dependencies,
      inboard: own.version,
    };
    const pinned = { ...made.dependencies, ...made.devDependencies };
    expect(pinned).toEqual(
      Object.fromEntries(Object.keys(pinned).map((name) => [name, known[name]])),
    );
    for (const version of Object.values(pinned)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const dockerfile = await readFile(join(cwd, 'shop/Dockerfile'), 'utf8');
    expect(dockerfile).toContain(`FROM node:${own.devDependencies['node']}-slim`);
  });

  test('a Node of its own where that is asked for', async () => {
    const cwd = await fixtureTree({});
    await inboard(['new', 'lean', ...BARE], { cwd });
    await inboard(['new', 'whole', '--bring-node', ...BARE], { cwd });
    const [lean, whole] = [await manifestOf(`${cwd}/lean`), await manifestOf(`${cwd}/whole`)];
    expect([lean.devDependencies['node'], lean.allowScripts['node']]).toEqual([
      undefined,
      undefined,
    ]);
    const { node } = (await manifestOf('.')).devDependencies;
    expect([whole.devDependencies['node'], whole.allowScripts['node']]).toEqual([node, true]);
  });

  test('what it made as JSON, where that is asked for, and nothing beside it', async () => {
    const cwd = await fixtureTree({});
    const { stdout, stderr } = await inboard(['new', 'shop', ...BARE, '-o', 'json'], { cwd });
    expect(stderr).toBe('');
    const files = await filesOf(join(cwd, 'shop'));
    expect(JSON.parse(stdout)).toEqual({
      name: 'shop',
      folder: join(cwd, 'shop'),
      inboard: (await manifestOf('.')).version,
      files: [...files.keys()].toSorted(),
      installed: false,
      repository: 'left out',
    });
  });

  test('the options of code generation that inboard itself has, and descriptors', async () => {
    const options = async (file: string): Promise<unknown> => {
      const { plugins } = parse(await readFile(file, 'utf8')) as { plugins: [{ opt: string[] }] };
      return plugins[0].opt;
    };
    const own = (await options('buf.gen.yaml')) as string[];
    expect(await options('examples/template/buf.gen.yaml')).toEqual([
      'descriptors=descriptors.ts',
      ...own,
    ]);
  });
});

describe('new takes inboard from', () => {
  test('a tarball, which becomes part of the project', async () => {
    const cwd = await fixtureTree({});
    await mkdir(join(cwd, 'packed'));
    await emptyTarball(join(cwd, 'packed', 'inboard-0.1.0.tgz'));
    const args = ['new', 'shop', '--inboard', 'packed/inboard-0.1.0.tgz', ...BARE];
    expect((await inboard(args, { cwd })).code).toBe(0);
    const shop = join(cwd, 'shop');
    expect((await manifestOf(shop)).dependencies['inboard']).toBe('file:inboard-0.1.0.tgz');
    expect(await readFile(join(shop, 'inboard-0.1.0.tgz'))).toEqual(
      await readFile(join(cwd, 'packed/inboard-0.1.0.tgz')),
    );
    expect(await readFile(join(shop, 'Dockerfile'), 'utf8')).toContain('json inboard-*.tgz ./');
    expect(await readFile(join(shop, '.dockerignore'), 'utf8')).toContain('!inboard-*.tgz\n');
  });

  test('the tarball that it was installed from itself, as npm has noted it', async () => {
    const noteOf = (resolved: string): string =>
      JSON.stringify({ packages: { 'node_modules/inboard': { resolved } } });
    const cwd = await fixtureTree({
      'a/node_modules/.package-lock.json': noteOf('file:../it is here#1.tgz'),
      'b/node_modules/.package-lock.json': noteOf('https://example.test/inboard-0.1.0.tgz'),
    });
    const from = (name: string): Promise<string | undefined> =>
      tarballOf(join(cwd, name, 'node_modules', 'inboard'));
    expect(await from('a')).toBe(join(cwd, 'it is here#1.tgz'));
    // From a registry, installed globally, and not installed at all.
    expect(await from('b')).toBeUndefined();
    expect(await from('c')).toBeUndefined();
    expect(await tarballOf(cwd)).toBeUndefined();
  });

  test('a version, and a folder', async () => {
    const cwd = await fixtureTree({ 'own/package.json': '{"name": "inboard"}' });
    const specs: [given: string, spec: string][] = [
      ['0.9.0', '0.9.0'],
      ['inboard@0.9.0', '0.9.0'],
      ['https://example.test/inboard.tgz', 'https://example.test/inboard.tgz'],
      ['own', `file:${join(cwd, 'own')}`],
      ['file:own', `file:${join(cwd, 'own')}`],
    ];
    for (const [index, [given, spec]] of specs.entries()) {
      await inboard(['new', `shop-${index}`, '--inboard', given, ...BARE], { cwd });
      const { dependencies } = await manifestOf(join(cwd, `shop-${index}`));
      expect(dependencies['inboard']).toBe(spec);
    }
  });

  const wrong: [what: string, given: string, message: RegExp][] = [
    ['no file', './none.tgz', /--inboard '.*none\.tgz' cannot be read: there is no such file/],
    ['a file of another kind', 'text.md', /text\.md' is no package\n {2}One is made by `npm pack`/],
    ['a folder of something else', 'other', /'.*other' is a folder of something else/],
    ['nothing', '', /--inboard is empty\n {2}Give a version, or the path of a tarball/],
  ];

  test.each(wrong)('%s: exit code 2, and no folder', async (_what, given, message) => {
    const cwd = await fixtureTree({ 'text.md': 'text', 'other/package.json': '{"name": "other"}' });
    const { code, stdout, stderr } = await inboard(['new', 'shop', '--inboard', given], { cwd });
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await readdir(cwd)).not.toContain('shop');
  });
});
