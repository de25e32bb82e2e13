import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { CliFailure } from './failure.ts';
import { startGroup } from './process-group.ts';

/** What a run of a tool printed. */
export interface ToolOutput {
  readonly code: number;
  readonly output: Buffer;
  readonly errors: string;
}

/**
 * A tool that is installed where the command was started, or above it; undefined where it is not.
 * The project's own, so that all who work on it get the same answer: never one that happens to be
 * on the PATH.
 */
export function findTool(name: string): string | undefined {
  const file = process.platform === 'win32' ? `${name}.cmd` : name;
  const found = toolFolders().find((folder) => existsSync(join(folder, file)));
  return found === undefined ? undefined : join(found, file);
}

/** The packages of tools that have other names. */
const PACKAGES: Readonly<Record<string, string>> = { buf: '@bufbuild/buf', tsc: 'typescript' };

/** The same of a tool that nothing can be done without. */
export function requireTool(name: string): string {
  const file = findTool(name);
  if (file !== undefined) return file;
  throw new CliFailure(`${name} is not installed in '${process.cwd()}' or above it`, {
    hint: `Install it in your project: npm i -D ${PACKAGES[name] ?? name}`,
  });
}

/** Runs a tool, which finds the project's other tools on its PATH. It ends with this process. */
export function startTool(
  file: string,
  args: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const path = [...toolFolders(), process.env['PATH'] ?? ''].join(delimiter);
  return startGroup(file, args, { stdio, env: { ...process.env, PATH: path } });
}

/** Runs a tool and keeps what it prints. */
export async function captureTool(file: string, args: readonly string[]): Promise<ToolOutput> {
  return outputOf(startTool(file, args, ['ignore', 'pipe', 'pipe']));
}

/** What a child prints until it ends. Rejects where it could not be started. */
export async function outputOf(child: ChildProcess): Promise<ToolOutput> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await endOf(child);
  return { code, output: Buffer.concat(output), errors: Buffer.concat(errors).toString() };
}

/** Its exit code; 1 where a signal ended it. Rejects where it could not be started. */
export async function endOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

/** Where npm puts the tools of a project, the nearest first. */
function toolFolders(): string[] {
  const folders: string[] = [];
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    folders.push(join(folder, 'node_modules', '.bin'));
    if (dirname(folder) === folder) return folders;
  }
}
