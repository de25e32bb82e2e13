import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { endsWithThis } from './child-output.ts';
import { CliFailure } from './failure.ts';

/**
 * Runs a tool that the project has installed where the command was started, or above it: never one
 * that happens to be on the PATH, so that all who work on the project get the same answer. It ends
 * with this process.
 */
export function startTool(
  name: string,
  args: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const tool = findTool(name);
  // Buf looks for its plugins there, which are the project's, too.
  const PATH = [dirname(tool), process.env['PATH'] ?? ''].join(delimiter);
  return endsWithThis(spawn(tool, args, { stdio, env: { ...process.env, PATH } }));
}

/** Packages whose tools have other names. */
const PACKAGES: Readonly<Record<string, string>> = {
  buf: '@bufbuild/buf',
  tsc: 'typescript',
};

/** Its path, in a folder `node_modules/.bin`. */
export function findTool(name: string): string {
  const from = process.cwd();
  const file = process.platform === 'win32' ? `${name}.cmd` : name;
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', '.bin', file);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) break;
  }
  throw new CliFailure(`${name} is not installed in '${from}' or above it`, {
    hint: `Install it in your project: npm i -D ${PACKAGES[name] ?? name}`,
  });
}
