import { cp, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { RunResult } from '../../scripts/lib/run.ts';
import { root, run } from '../../scripts/lib/run.ts';
import { writeProject } from '../contract/support.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';

/** What is generated of the contract of a {@link project}. */
export const GENERATED = 'generated/shop/v1/shop.ts';

/** A user's repository with the templates of the package and an installed ts-proto. */
export async function project(
  services: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = await fixtureTree(more);
  await writeProject(folder, services);
  await cp(join(root, 'buf.gen.yaml'), join(folder, 'buf.gen.yaml'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

export function generate(folder: string): Promise<RunResult> {
  return run('buf', ['generate'], { cwd: folder });
}

/** The template of a project, for another one to be made of it. */
export function readTemplate(folder: string): Promise<string> {
  return readFile(join(folder, 'buf.gen.yaml'), 'utf8');
}

/** Some properties of each method of `S`, as a program that imports the generated code sees them. */
export async function methodsIn(folder: string, ...properties: string[]): Promise<unknown> {
  const program =
    `const { SDefinition } = await import('./${GENERATED}');` +
    `const of = Object.entries(SDefinition.methods).map(([key, { ${properties.join(', ')} }]) => ` +
    `[key, { ${properties.join(', ')} }]);` +
    'console.log(JSON.stringify(Object.fromEntries(of)));';
  const { stdout, output } = await run('node', ['--input-type=module', '-e', program], {
    cwd: folder,
  });
  if (stdout === '') throw new Error(output);
  return JSON.parse(stdout);
}
