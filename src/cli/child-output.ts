import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a command printed. */
export interface CommandOutput {
  readonly code: number;
  readonly output: Buffer;
  readonly errors: string;
}

/** Keeps what a child prints until it ends. Rejects where it could not be started. */
export async function outputOf(child: ChildProcess): Promise<CommandOutput> {
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

/** Has a child end with this process. */
export function endsWithThis(child: ChildProcess): ChildProcess {
  const end = (): void => {
    child.kill();
  };
  process.on('exit', end);
  child.on('exit', () => process.off('exit', end));
  return child;
}
