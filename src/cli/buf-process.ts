import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { CliFailure } from './failure.ts';

/** What a run of buf printed. */
export interface BufOutput {
  readonly code: number;
  readonly output: Buffer;
  readonly errors: string;
}

/** Runs buf and keeps what it prints. */
export async function captureBuf(args: readonly string[]): Promise<BufOutput> {
  const child = startBuf(args, ['ignore', 'pipe', 'pipe']);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await endOf(child);
  return { code, output: Buffer.concat(output), errors: Buffer.concat(errors).toString() };
}

/** Runs the buf that is installed where the command was started. It ends with this process. */
export function startBuf(args: readonly string[], stdio: StdioOptions): ChildProcess {
  const child = spawn(findBuf(process.cwd()), args, { stdio });
  const end = (): void => {
    child.kill();
  };
  process.on('exit', end);
  child.on('exit', () => process.off('exit', end));
  return child;
}

/** Its exit code; 1 where a signal ended it. Rejects where it could not be started. */
export async function endOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

/**
 * The project's own buf, so that all who work on it get the same answer: never one that happens to
 * be on the PATH.
 */
function findBuf(from: string): string {
  const name = process.platform === 'win32' ? 'buf.cmd' : 'buf';
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules', '.bin', name);
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) break;
  }
  throw new CliFailure(`buf is not installed in '${from}' or above it`, {
    hint: 'Install it in your project: npm i -D @bufbuild/buf',
  });
}
