import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './run.ts';

/**
 * The arguments that keep `buf format` off other people's contracts. It takes no whole module to
 * leave out, so the folders inside proto/vendor are named one by one.
 */
export async function ownProtosOnly(): Promise<string[]> {
  const vendored = await readdir(join(root, 'proto', 'vendor'));
  return vendored.flatMap((name) => ['--exclude-path', `proto/vendor/${name}`]);
}
