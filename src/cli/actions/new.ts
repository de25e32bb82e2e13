import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';

import { CliFailure, EXIT, usageFailure } from '../failure.ts';
import { inboardSource } from '../new/inboard-source.ts';
import { ownManifest } from '../new/own-package.ts';
import { projectNames } from '../new/project-name.ts';
import type { RepositoryEnd } from '../new/repository.ts';
import { makeRepository } from '../new/repository.ts';
import { Steps } from '../new/steps.ts';
import type { ProjectPlan } from '../new/write-project.ts';
import { projectPackages, writeProject } from '../new/write-project.ts';
import type { OutputOptions } from '../options.ts';
import { print } from '../output.ts';

export interface NewOptions extends OutputOptions {
  readonly inboard?: string;
  readonly bringNode?: true;
  readonly install: boolean;
  readonly git: boolean;
}

/** The oldest Node that a project runs on: its HTTP/2 has no known hole, and `await using` works. */
const OLDEST_NODE = [24, 18, 1] as const;

/** What was made, as `-o json` prints it. */
interface Made {
  readonly name: string;
  readonly folder: string;
  /** What its package.json says of inboard. */
  readonly inboard: string;
  readonly files: readonly string[];
  readonly installed: boolean;
  readonly repository: RepositoryEnd | 'left out';
}

/** Makes a project in a folder of its own, ready to run. */
export async function newProject(name: string, options: NewOptions): Promise<void> {
  const plan: ProjectPlan = {
    names: projectNames(name, await projectPackages()),
    source: await inboardSource(options.inboard),
    manifest: await ownManifest(),
    bringNode: options.bringNode ?? isOld(process.versions.node),
  };
  const folder = resolve(name);
  await claim(folder, name);
  // Lines of progress would stand between a program and the error that it reads.
  const silent = options.output === 'json' && !process.stderr.isTTY;
  const steps = new Steps(folder, silent);
  const tellOfHalf = (code: number): void => {
    if (code === EXIT.interrupted || code === EXIT.terminated) tellInterrupted(name, steps);
  };
  process.on('exit', tellOfHalf);
  try {
    const files = await written(folder, name, plan);
    steps.tell(`${files.length} files written to ${name}/`);
    if (options.install) await install(steps, name);
    const repository: Made['repository'] = options.git ? await makeRepository(steps) : 'left out';
    const { spec } = plan.source;
    const { install: installed } = options;
    const made = { name, folder, inboard: spec, files, installed, repository };
    await print(options.output === 'json' ? JSON.stringify(made) : nextSteps(made));
  } finally {
    process.off('exit', tellOfHalf);
  }
}

/** The folder is there and empty then, but for a repository. */
async function claim(folder: string, name: string): Promise<void> {
  let taken: string[];
  try {
    await mkdir(folder, { recursive: true });
    taken = await readdir(folder);
  } catch (error) {
    throw unwritable(name, error);
  }
  const [first] = taken.filter((entry) => entry !== '.git');
  if (first === undefined) return;
  throw usageFailure(
    `The folder '${name}' is not empty: it holds '${first}', and nothing is written over`,
    'Give another name, or move the folder out of the way.',
  );
}

async function written(folder: string, name: string, plan: ProjectPlan): Promise<string[]> {
  try {
    return await writeProject(folder, plan);
  } catch (error) {
    throw unwritable(name, error);
  }
}

function unwritable(name: string, error: unknown): CliFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EEXIST: 'a file is there already',
    ENOENT: 'this folder is gone',
    ENOTDIR: 'it is a file',
    EACCES: 'this folder may not be written to',
    EROFS: 'this folder may not be written to',
  };
  const reason = reasons[code ?? ''];
  const text = `The folder '${name}' cannot be made: ${reason ?? message}`;
  return reason === undefined
    ? new CliFailure(text)
    : usageFailure(text, 'Start it elsewhere, or give another name.');
}

/** What is run in a project that was written, in this order. */
const COMMANDS = ['npm install', 'npm run generate'] as const;

async function install(steps: Steps, name: string): Promise<void> {
  for (const [index, what] of COMMANDS.entries()) {
    const [command = '', ...args] = what.split(' ');
    const { code, lastLines } = await steps.run(command, args);
    if (code === 0) continue;
    throw stepFailure({ name, what, code, lastLines, todo: COMMANDS.slice(index) });
  }
}

interface FailedStep {
  readonly name: string;
  readonly what: string;
  readonly code: number | undefined;
  readonly lastLines: string;
  readonly todo: readonly string[];
}

function stepFailure({ name, what, code, lastLines, todo }: FailedStep): CliFailure {
  if (code === undefined) {
    return new CliFailure('npm is not installed, or not on the PATH', {
      hint: `It comes with Node. All files are in ${name}/; go on there with:\n${todo.join('\n')}`,
    });
  }
  // The package that makes the project need not be in the registry that npm asks.
  const unknown = /inboard/.test(lastLines) && /E404|ETARGET|notarget/.test(lastLines);
  const other = `\nWhere this version of inboard is in no registry, say which to use: remove ${name}/ and give --inboard FILE.`;
  return new CliFailure(`\`${what}\` exited with ${code}:\n${lastLines}`, {
    hint: `All files are in ${name}/; go on there with:\n${todo.join('\n')}${unknown ? other : ''}`,
    fields: { name, step: what },
  });
}

function tellInterrupted(name: string, steps: Steps): void {
  steps.tell(`inboard: interrupted${steps.current === '' ? '' : ` at: ${steps.current}`}`);
  steps.tell(`  ${name}/ is half made. Remove it, or go on there with: ${COMMANDS.join(' && ')}`);
}

function nextSteps({ name, installed, repository }: Made): string {
  const commands = [
    `cd ${name}`,
    ...(installed ? [] : COMMANDS),
    'npm test         # in memory, without a socket',
    'npm start        # the server; Ctrl-C drains it',
    'npm run call     # in another terminal: a first typed call',
  ];
  const commit = repository === 'committed' ? ', with a first commit' : '';
  return `${name} is ready${commit}. Next:\n\n  ${commands.join('\n  ')}\n\nIts README.md says the rest.`;
}

function isOld(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, least] of OLDEST_NODE.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}
