import type { Command } from 'commander';

import type { NewOptions } from '../actions/new.ts';
import { addOutput } from '../options.ts';

export function defineNew(program: Command): void {
  const command = program
    .command('new')
    .description('make a project: contract, server, client, tests, image, manifest, CI')
    .argument('<name>', 'name of the project and of its folder, such as shop or my-shop')
    .option('--inboard <package>', 'inboard that it uses: a version, or a tarball or folder')
    .option('--bring-node', 'pin Node as a package, too (the default where this one is too old)')
    .option('--no-install', 'leave out `npm install` and generating code')
    .option('--no-git', 'make no repository')
    .addHelpText(
      'after',
      `
Writes NAME/, runs npm install and the code generator in it, and makes a git repository with one
commit, unless the folder stands in one. In it, npm test and npm start work at once; its README.md
says what else does. Nothing is written over: a folder that holds anything is refused.

The project uses the inboard that makes it, from where that was installed. A tarball becomes part
of the project, so that a clone of it has it, too.

Examples:
  inboard new shop
  inboard new my-shop --no-git
  inboard new shop --inboard ./inboard-0.1.0.tgz
  inboard new shop --no-install -o json
  npx --yes --package ./inboard-0.1.0.tgz inboard new shop   # nothing is installed yet`,
    );
  addOutput(command).action(async (name: string, options: NewOptions) => {
    const { newProject } = await import('../actions/new.ts');
    await newProject(name, options);
  });
}
