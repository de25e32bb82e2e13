import { CliFailure } from './failure.ts';
import { startGroup } from './process-group.ts';
import type { ToolOutput } from './project-tool.ts';
import { outputOf } from './project-tool.ts';

export interface GitOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads. */
  readonly input?: string;
}

/** Runs git and keeps what it prints, whatever its exit code. */
export async function git(
  args: readonly string[],
  { cwd, env = {}, input }: GitOptions = {},
): Promise<ToolOutput> {
  const child = startGroup('git', args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  try {
    return await outputOf(child);
  } catch (error) {
    throw new CliFailure(`git cannot be run: ${(error as Error).message}`, {
      hint: 'Install git, or name an image to compare with: --against FILE',
    });
  }
}

/** Its first line; undefined where it fails. */
export async function gitLine(
  args: readonly string[],
  options?: GitOptions,
): Promise<string | undefined> {
  const { code, output } = await git(args, options);
  return code === 0 ? output.toString().split('\n')[0] : undefined;
}

/** All that it prints. Throws a CliFailure with its own words where it fails. */
export async function gitOutput(args: readonly string[], options?: GitOptions): Promise<string> {
  const { code, output, errors } = await git(args, options);
  if (code === 0) return output.toString();
  throw new CliFailure(`git ${args[0]} failed: ${errors.trim()}`, {
    hint: 'Or name an image to compare with: --against FILE',
  });
}
