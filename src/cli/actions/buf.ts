import { startBuf } from '../buf-process.ts';
import { endOf } from '../project-tool.ts';

/** Runs buf in place of this command: its output, its exit code. */
export async function runBuf(args: readonly string[]): Promise<number> {
  return endOf(startBuf(args, 'inherit'));
}
