import { appendFile, cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { type RunResult, root, run } from '../../scripts/lib/run.ts';
import { fixtureTree } from './fixture-tree.ts';

const contract = 'proto/testing/inboard/testing/v1/shapes.proto';
const generated = 'generated/inboard/testing/v1/shapes.ts';

// Each run of buf takes up to a second, and more on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

let project: string;

/** A copy of all that generation reads and writes. */
beforeEach(async () => {
  project = await fixtureTree({});
  const copied = ['buf.yaml', 'buf.gen.yaml', 'buf.gen.lossless.yaml', 'proto', 'generated'];
  for (const name of [...copied, 'src/config/policy.schema.json']) {
    await cp(join(root, name), join(project, name), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
});

function script(name: string): Promise<RunResult> {
  return run('node', [join(root, 'scripts', name), project]);
}

test('edited, missing and left-over generated files are named and repaired', async () => {
  await appendFile(join(project, generated), '// edited by hand\n');
  await rm(join(project, 'generated/lossless/google/protobuf/timestamp.ts'));
  await writeFile(join(project, 'generated/old.ts'), 'export {};\n');

  const drifted = await script('check-generated.ts');
  expect(drifted.code).toBe(1);
  expect(drifted.output).toContain(`differs   ${generated}`);
  expect(drifted.output).toContain('missing   generated/lossless/google/protobuf/timestamp.ts');
  expect(drifted.output).toContain('left over generated/old.ts');
  expect(drifted.output).toContain('npm run generate');

  expect((await script('generate.ts')).code).toBe(0);
  expect(await script('check-generated.ts')).toMatchObject({ code: 0, output: '' });
});

test('a broken contract is named by file and line, and changes nothing', async () => {
  const before = await readFile(join(project, generated), 'utf8');
  const text = await readFile(join(project, contract), 'utf8');
  const broken = text.replace('string text = 1;', 'strin text = 1;');
  const line = broken.split('\n').findIndex((each) => each.includes('strin text')) + 1;
  await writeFile(join(project, contract), broken);

  const { code, output } = await script('generate.ts');
  expect(code).toBe(1);
  expect(output).toContain('generated/ is left as it was');
  expect(output).toContain(`${contract}:${line}:`);
  expect(await readFile(join(project, generated), 'utf8')).toBe(before);
});

test('the lossless template differs from the other in its timestamps alone', async () => {
  const options = async (template: string): Promise<string[]> => {
    const text = await readFile(join(project, template), 'utf8');
    return text
      .split('\n')
      .filter((line) => line.trimStart().startsWith('- ') && line.includes('='));
  };
  const lossless = await options('buf.gen.lossless.yaml');
  const plain = await options('buf.gen.yaml');
  expect(lossless).toEqual(plain.map((option) => option.replace('useDate=true', 'useDate=false')));
  expect(lossless).not.toEqual(plain);
});
