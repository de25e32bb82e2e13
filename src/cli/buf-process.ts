import type { ChildProcess, StdioOptions } from 'node:child_process';

import { CliFailure } from './failure.ts';
import type { ToolOutput } from './project-tool.ts';
import { captureTool, findTool, startTool } from './project-tool.ts';

/** Runs buf and keeps what it prints. */
export async function captureBuf(args: readonly string[]): Promise<ToolOutput> {
  return captureTool(findBuf(), args);
}

/** Runs the buf that is installed where the command was started. It ends with this process. */
export function startBuf(args: readonly string[], stdio: StdioOptions): ChildProcess {
  return startTool(findBuf(), args, stdio);
}

function findBuf(): string {
  const file = findTool('buf');
  if (file !== undefined) return file;
  throw new CliFailure(`buf is not installed in '${process.cwd()}' or above it`, {
    hint: 'Install it in your project: npm i -D @bufbuild/buf',
  });
}
