import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import { buildFolder } from '../contract/image.ts';
import { CliFailure } from '../failure.ts';
import type { GitOptions } from '../git.ts';
import { gitLine, gitOutput } from '../git.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';

/** All that buf reads. */
const CONTRACT = /(?:\.proto|(?:^|\/)buf(?:\.[\w.-]+)?\.(?:yaml|lock))$/;

/** The mode of a commit of another repository. */
const GITLINK = '160000';

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
    if (!(await hasFolder(commit, prefix, options))) return undefined;
    await gitOutput(['read-tree', `${commit}:${prefix}`], options);
    const files = (await gitOutput(['ls-files', '-z'], options)).split('\0').filter(isContract);
    if (!files.some((file) => file.endsWith('.proto'))) {
      await refuseSubmodules(commit, options);
      return undefined;
    }
    const tree = join(folder, 'tree');
    await mkdir(tree);
    const input = files.map((file) => `${file}\0`).join('');
    const checkout = ['checkout-index', '-z', '--stdin', `--prefix=${tree}/`];
    // A file that is left out, as where a partial clone lacks it, would be one that nobody misses.
    await gitOutput(checkout, { ...options, input });
    return buildFolder(tree, `the contracts of ${commit}`);
  });
}

/** What stands in submodules is not checked out, and all would pass for want of it. */
async function refuseSubmodules(commit: string, options: GitOptions): Promise<void> {
  const entries = await gitOutput(['ls-files', '--stage'], options);
  const [module] = entries.split('\n').filter((entry) => entry.startsWith(GITLINK));
  if (module === undefined) return;
  throw new CliFailure(
    `${commit} has no contracts but in a submodule, '${module.split('\t')[1]}', which is not read`,
    { hint: 'Start it in the submodule, or name an image to compare with: --against FILE' },
  );
}

/** False where the folder is newer than the commit. */
async function hasFolder(commit: string, prefix: string, options: GitOptions): Promise<boolean> {
  if (prefix === '') return true;
  const list = ['ls-tree', '-z', commit, '--', `:(literal)${prefix.slice(0, -1)}`];
  return (await gitOutput(list, options)) !== '';
}

function isContract(file: string): boolean {
  return CONTRACT.test(file);
}
