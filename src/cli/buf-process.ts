import type { ChildProcess, StdioOptions } from 'node:child_process';

import type { CommandOutput } from './child-output.ts';
import { outputOf } from './child-output.ts';
import { startTool } from './tool.ts';

/** Runs buf and keeps what it prints. */
export async function captureBuf(args: readonly string[]): Promise<CommandOutput> {
  return outputOf(startBuf(args, ['ignore', 'pipe', 'pipe']));
}

/** Runs the project's buf. */
export function startBuf(args: readonly string[], stdio: StdioOptions): ChildProcess {
  return startTool('buf', args, stdio);
}
