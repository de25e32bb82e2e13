import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { root, runOrThrow } from '../../scripts/lib/run.ts';

/** Where the contract of a {@link writeProject} stands. */
export const CONTRACT = 'proto/shop/v1/shop.proto';

/** A user's repository: one contract, policy.proto beside it, and buf's configuration. */
export async function writeProject(folder: string, services: string): Promise<void> {
  await mkdir(dirname(join(folder, CONTRACT)), { recursive: true });
  await writeFile(join(folder, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\n');
  await writeFile(join(folder, CONTRACT), contract(services));
  await cp(join(root, 'proto/inboard'), join(folder, 'proto/inboard'), { recursive: true });
}

/** A whole contract. What it begins with is on one line, so that lines are easily counted. */
export function contract(services: string): string {
  const imports = 'import "inboard/policy/v1/policy.proto"; message M {}';
  return `syntax = "proto3"; package shop.v1; ${imports}\n${services}`;
}

/** The descriptor set that buf builds of a contract. */
export async function imageOf(services: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-contract-'));
  try {
    await writeProject(folder, services);
    await runOrThrow('buf', ['build', '-o', 'image.binpb'], { cwd: folder });
    return await readFile(join(folder, 'image.binpb'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the comments `// says: …` in a contract ask for, by line. */
export function announced(services: string): string[] {
  return contract(services)
    .split('\n')
    .flatMap((line, index) => {
      const message = line.split('// says: ')[1];
      return message === undefined ? [] : [`${index + 1}: ${message}`];
    });
}
