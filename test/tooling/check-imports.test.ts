import { expect, test } from 'vitest';
import { checkImports } from '../../scripts/check-imports.ts';
import { fixtureTree } from './fixture-tree.ts';

const packageJson = JSON.stringify({ dependencies: { '@grpc/grpc-js': '1.0.0', jose: '6.0.0' } });

async function problemsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  return checkImports(await fixtureTree({ 'package.json': packageJson, ...files }));
}

test('accepts what the table allows', async () => {
  const problems = await problemsOf({
    'src/core/call.ts': `import { inspect } from 'node:util';\nexport const show = inspect;\n`,
    'src/client/stack.ts': `export { show } from '../core/call.ts';\n`,
    'src/transports/grpc-js/channel.ts': `export type * from '@grpc/grpc-js';\n`,
    'src/server/health.ts': `import '../../generated/health.ts';\nimport './log.ts';\n`,
    'src/server/log.ts': 'export {};\n',
    'generated/health.ts': 'export {};\n',
  });
  expect(problems).toEqual([]);
});

test('names file, line and rule of a forbidden import', async () => {
  const problems = await problemsOf({
    'src/client/client.ts': 'export const client = 1;\n',
    'src/core/call.ts': `// A comment.\nimport { client } from '../client/client.ts';\n`,
  });
  expect(problems).toEqual([
    "src/core/call.ts:2: imports '../client/client.ts': " +
      'core may not import client; it may import nothing of the project',
  ]);
});

test.each([
  ['a type', `export type C = import('../client/client.ts').C;\n`],
  ['an import at run time', `export const load = () => import('../client/client.ts');\n`],
  ['a re-export', `export * from '../client/client.ts';\n`],
])('sees %s', async (_, text) => {
  const problems = await problemsOf({
    'src/client/client.ts': 'export type C = 1;\n',
    'src/channel/channel.ts': text,
  });
  expect(problems).toEqual([expect.stringContaining('channel may not import client')]);
});

test('lets the public entries alone reach the rest, and nobody reach the cli', async () => {
  const problems = await problemsOf({
    'src/index.ts': `export * from './cli/main.ts';\n`,
    'src/cli/main.ts': 'export const main = 1;\n',
    'src/testing/index.ts': `export * from '../server/server.ts';\n`,
    'src/server/server.ts': 'export const server = 1;\n',
  });
  expect(problems).toEqual([
    expect.stringContaining('index.ts may not import cli'),
    expect.stringContaining('testing may not import server'),
  ]);
});

test('lets a part reach a single file of another one, where the table names it', async () => {
  const problems = await problemsOf({
    'src/core/version.ts': 'export const version = 1;\n',
    'src/core/call.ts': 'export const call = 1;\n',
    'src/cli/main.ts': `import '../core/version.ts';\nimport '../core/call.ts';\n`,
  });
  expect(problems).toEqual([expect.stringMatching(/main\.ts:2: .*cli may not import core/)]);
});

test('keeps grpc-js in its one folder, also when it is required', async () => {
  const problems = await problemsOf({
    'src/server/a.ts': `import { Server } from '@grpc/grpc-js';\nexport { Server };\n`,
    'src/client/b.ts':
      `import { createRequire } from 'node:module';\n` +
      `const load = createRequire(import.meta.url);\n` +
      `export const grpc: unknown = load('@grpc/grpc-js');\n`,
  });
  const only = 'only src/transports/grpc-js may import @grpc/grpc-js';
  expect(problems).toEqual([
    expect.stringMatching(new RegExp(`^src/client/b.ts:3: .*${only}$`)),
    expect.stringMatching(new RegExp(`^src/server/a.ts:1: .*${only}$`)),
  ]);
});

test('refuses a package that users would not get, a bare builtin and a missing file', async () => {
  const problems = await problemsOf({
    'src/core/a.ts': `import 'vitest/node';\nimport 'fs';\nimport './b.js';\n`,
  });
  expect(problems).toEqual([
    expect.stringContaining('vitest is not among the dependencies'),
    expect.stringContaining('write it as node:fs'),
    expect.stringContaining('src/core/b.js does not exist'),
  ]);
});

test('finds a cycle and shows its way round', async () => {
  const problems = await problemsOf({
    'src/core/a.ts': `import './b.ts';\n`,
    'src/core/b.ts': `import './c.ts';\n`,
    'src/core/c.ts': `import './a.ts';\n`,
  });
  expect(problems).toEqual(['a cycle: core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts']);
});

test('refuses a folder that the table does not know', async () => {
  const problems = await problemsOf({ 'src/utils/strings.ts': 'export {};\n' });
  expect(problems).toEqual([expect.stringContaining('src/utils/strings.ts: belongs to no part')]);
});
