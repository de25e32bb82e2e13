import type { ChildProcess, StdioOptions } from 'node:child_process';

import type { ToolOutput } from './project-tool.ts';
import { outputOf, requireTool, startTool } from './project-tool.ts';

/** Runs buf and keeps what it prints. */
export async function captureBuf(args: readonly string[]): Promise<ToolOutput> {
  return outputOf(startBuf(args, ['ignore', 'pipe', 'pipe']));
}

/** Runs the buf that is installed where the command was started. It ends with this process. */
export function startBuf(args: readonly string[], stdio: StdioOptions): ChildProcess {
  return startTool(requireTool('buf'), args, stdio);
}
