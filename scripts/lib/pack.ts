import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOrThrow } from './run.ts';

/**
 * Builds and packs the project as `npm publish` would, hands over the tarball and the temporary
 * folder that it stands in, and removes that folder in any case.
 */
export async function withPackedProject<T>(
  use: (tarball: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-pack-'));
  try {
    return await use(await packProject(folder), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Builds and packs the project as `npm publish` would; returns the tarball in this folder. */
export async function packProject(folder: string): Promise<string> {
  await runOrThrow('npm', ['pack', '--pack-destination', folder]);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm pack left no tarball in ${folder}`);
  return join(folder, tarball);
}
