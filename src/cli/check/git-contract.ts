import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import { buildFolder } from '../contract/image.ts';
import { git, gitLine } from '../git.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';

/** All that buf reads. */
const CONTRACT = /(?:\.proto|(?:^|\/)buf(?:\.[\w.-]+)?\.(?:yaml|lock))$/;

/**
 * The contract of this folder as a commit has it; undefined where that has none. Only its contracts
 * are checked out, into a temporary folder, from an index of their own: buf's own way with git
 * clones the repository and does not reach all commits of it.
 */
export async function gitContract(commit: string): Promise<FileDescriptorSet | undefined> {
  const top = (await gitLine(['rev-parse', '--show-toplevel'])) ?? '.';
  const prefix = (await gitLine(['rev-parse', '--show-prefix'])) ?? '';
  return withTemporaryFolder('baseline', async (folder) => {
    const options = { cwd: top, env: { GIT_INDEX_FILE: join(folder, 'index') } };
    const read = await git(['read-tree', `${commit}:${prefix}`], options);
    // The folder itself is newer than the commit.
    if (read.code !== 0) return undefined;
    const { output } = await git(['ls-files', '-z'], options);
    const files = output.toString().split('\0').filter(isContract);
    if (!files.some((file) => file.endsWith('.proto'))) return undefined;
    const tree = join(folder, 'tree');
    await mkdir(tree);
    const input = files.map((file) => `${file}\0`).join('');
    await git(['checkout-index', '-z', '--stdin', `--prefix=${tree}/`], { ...options, input });
    return buildFolder(tree, `the contracts of ${commit}`);
  });
}

function isContract(file: string): boolean {
  return CONTRACT.test(file);
}
