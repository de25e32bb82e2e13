import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

import { root, run, runOrThrow } from '../../scripts/lib/run.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';
import { inboard } from './cli.ts';
import type { ContractProject } from './contract-project.ts';
import { contractProject } from './contract-project.ts';

vi.setConfig({ testTimeout: 90_000 });

const PACKAGE = 'node_modules/@acme/shop-contracts';

async function provider(): Promise<ContractProject> {
  const project = await contractProject({
    'package.json': '{"name": "@acme/shop", "version": "1.2.0", "license": "MIT"}',
  });
  await cp(join(root, 'buf.gen.yaml'), join(project.folder, 'buf.gen.yaml'));
  return project;
}

/** A project of others that has the package on, and what it needs besides. */
async function consumer(tarball: string, program: string): Promise<string> {
  const folder = await fixtureTree({
    'package.json': '{"type": "module"}',
    'call.ts': program,
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        module: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        types: ['node'],
        noEmit: true,
        allowImportingTsExtensions: true,
        erasableSyntaxOnly: true,
        paths: { inboard: [join(root, 'src/index.ts')] },
      },
      include: ['call.ts'],
    }),
  });
  const modules = join(folder, 'node_modules');
  await mkdir(join(folder, PACKAGE), { recursive: true });
  const options = ['--strip-components=1', '-C', join(folder, PACKAGE)];
  await runOrThrow('tar', ['-xzf', tarball, ...options]);
  for (const name of ['@bufbuild', 'nice-grpc-common', '@types', '.bin']) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  return folder;
}

/** Serves and calls the service of the package; the entry of inboard is that of its sources. */
const PROGRAM = `
import { createClient, createServer } from '${join(root, 'src/index.ts')}';
import { Kind, ShopServiceDefinition } from '@acme/shop-contracts/shop/v1/shop.js';

await using server = createServer();
server.add(ShopServiceDefinition, {
  getShop: async ({ id }) => ({ name: id, kind: Kind.BOOKS }),
  closeShop: async () => ({}),
});
const { port } = await server.listen('127.0.0.1:0');
await using client = createClient(ShopServiceDefinition, \`127.0.0.1:\${port}\`);
const { name, kind }: { name: string; kind: number } = await client.getShop({ id: 'a' });
console.log(JSON.stringify([name, kind, ShopServiceDefinition.methods.getShop.policy]));
`;

test('another project imports the code, is type-checked against it, and calls with it', async () => {
  const { folder, inboard: runs } = await provider();
  const packed = await runs('publish', '--out', 'packed', '-o', 'json');
  expect(packed.stderr).toBe('');
  const { tarball, files } = JSON.parse(packed.stdout) as {
    readonly tarball: string;
    readonly files: readonly { readonly path: string }[];
  };
  expect(tarball).toBe('packed/acme-shop-contracts-1.2.0.tgz');
  expect(files.map(({ path }) => path)).toEqual([
    'README.md',
    'dist/shop/v1/shop.d.ts',
    'dist/shop/v1/shop.js',
    'image.binpb',
    'package.json',
    'proto/inboard/policy/v1/policy.proto',
    'proto/shop/v1/shop.proto',
  ]);

  const project = await consumer(join(folder, tarball), PROGRAM);
  const types = await run('tsc', ['-p', project], { cwd: project });
  expect(types).toMatchObject({ code: 0, output: '' });
  const called = await run('node', ['call.ts'], { cwd: project });
  expect(called.output).toMatch(/^\[/);
  expect(JSON.parse(called.stdout)).toEqual(['a', 2, { timeoutMs: 2_000 }]);

  // What does not fit the contract does not compile.
  await writeFile(join(project, 'call.ts'), PROGRAM.replace("id: 'a'", "idd: 'a'"));
  const wrong = await run('tsc', ['-p', project], { cwd: project });
  expect(wrong.output).toContain("'idd' does not exist");
});

test('a project that depends on the package compares contracts with it', async () => {
  const { folder, inboard: runs, change } = await provider();
  expect((await runs('publish', '--out', 'packed')).code).toBe(0);
  const tarball = join(folder, 'packed/acme-shop-contracts-1.2.0.tgz');
  const project = await consumer(tarball, PROGRAM);

  // The service itself, in its next version.
  await change('seconds: 2', 'seconds: 1');
  const next = await runs(
    'check',
    '--only',
    'breaking,policy',
    '--against',
    join(project, PACKAGE),
  );
  expect(next.stdout).toContain('timeout of shop.v1.ShopService/GetShop was 2 s and is 1 s');
  expect(next.code).toBe(100);

  // Who depends on it, when the next version comes in.
  await cp(join(project, PACKAGE, 'image.binpb'), join(project, 'contracts.binpb'));
  expect((await runs('publish', '--out', 'packed')).code).toBe(0);
  await rm(join(project, PACKAGE), { recursive: true });
  await mkdir(join(project, PACKAGE));
  await runOrThrow('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(project, PACKAGE)]);
  const args = ['check', PACKAGE, '--against', 'contracts.binpb'];
  const came = await inboard(args, { cwd: project });
  expect(came.stdout).toContain('timeout of shop.v1.ShopService/GetShop was 2 s and is 1 s');
  expect(came.code).toBe(100);
});

test('a dry run writes nothing, and says what would be in it', async () => {
  const { folder, inboard: runs } = await provider();
  const before = await readdir(folder);
  const { code, stdout } = await runs('publish', '--dry-run', '--package-version', '2.0.0-rc.1');
  expect(stdout).toMatch(/^\d+ +dist\/shop\/v1\/shop\.js$/m);
  expect(stdout).toContain('acme-shop-contracts-2.0.0-rc.1.tgz would have');
  expect(code).toBe(0);
  expect(await readdir(folder)).toEqual(before);
});

test('the package says who it is, under its own license, with the versions it was made with', async () => {
  const { folder, inboard: runs } = await provider();
  await writeFile(join(folder, 'LICENSE'), 'MIT\n');
  expect((await runs('publish', '--out', 'packed', '--name', '@acme/x')).code).toBe(0);
  await runOrThrow('tar', ['-xzf', 'packed/acme-x-1.2.0.tgz'], { cwd: folder });
  const text = await readFile(join(folder, 'package/package.json'), 'utf8');
  const { dependencies: used } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  expect(JSON.parse(text)).toMatchObject({
    name: '@acme/x',
    version: '1.2.0',
    license: 'MIT',
    dependencies: { '@bufbuild/protobuf': `^${used['@bufbuild/protobuf']}` },
  });
  expect(await readFile(join(folder, 'package/LICENSE'), 'utf8')).toBe('MIT\n');
  const readme = await readFile(join(folder, 'package/README.md'), 'utf8');
  expect(readme).toContain('| `shop.v1.ShopService` | `@acme/x/shop/v1/shop.js` |');
});

test('what the project asks for in words of its own workspace becomes a range', async () => {
  const { folder, inboard: runs, write } = await provider();
  const dependencies = { '@bufbuild/protobuf': 'workspace:*', 'nice-grpc-common': 'catalog:' };
  const own = { name: 'shop', version: '1.0.0', dependencies };
  await write('package.json', JSON.stringify(own));
  expect((await runs('publish', '--out', 'packed')).code).toBe(0);
  await runOrThrow('tar', ['-xzf', 'packed/shop-contracts-1.0.0.tgz'], { cwd: folder });
  const text = await readFile(join(folder, 'package/package.json'), 'utf8');
  const made = JSON.parse(text) as { readonly dependencies: Readonly<Record<string, string>> };
  for (const range of Object.values(made.dependencies)) expect(range).toMatch(/^\^\d+\.\d+\.\d+$/);
});

test('a project without a version is told which option gives one', async () => {
  const { inboard: runs, write } = await provider();
  await write('package.json', '{"name": "shop"}');
  const { code, stderr } = await runs('publish', '--dry-run');
  expect(stderr).toMatch(/has no version\n {2}Add --package-version 1\.2\.0/);
  expect(code).toBe(2);
});

test.each<[what: string, args: string[], code: number, message: RegExp]>([
  ['nowhere to', ['--name', 'x'], 2, /Add --out DIR/],
  ['both', ['--dry-run', '--out', 'x'], 2, /contradict each other/],
  ['no name of npm', ['--dry-run', '--name', 'A b'], 2, /'A b' is no name of an npm package/],
  ['no version', ['--dry-run', '--package-version', '1'], 2, /'1' is no version\n {2}Write it as/],
  ['no folder', ['--out', 'buf.yaml'], 2, /--out 'buf\.yaml' cannot be made: /],
  ['no template', ['--dry-run', '--template', 'x.yaml'], 2, /There is no template x\.yaml/],
  ['no option', ['--dry'], 2, /unknown option '--dry'/],
])('%s: what went wrong, and what to do', async (_what, args, expected, message) => {
  const { inboard: runs } = await provider();
  const { code, stderr } = await runs('publish', ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(code).toBe(expected);
});

test('contracts that do not compile are told by file and line', async () => {
  const project = await provider();
  await project.change('message CloseShopRequest {}', 'message CloseShopRequest {');
  const { code, stderr } = await project.inboard('publish', '--dry-run');
  expect(stderr).toMatch(/The contracts do not compile:\n {0,2}proto\/shop\/v1\/shop\.proto:\d+:/);
  expect(code).toBe(100);
});
