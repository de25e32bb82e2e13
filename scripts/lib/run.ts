import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

/** The project's root folder. */
export const root: string = join(import.meta.dirname, '..', '..');

export interface RunResult {
  /** The exit code; 1 where a signal ended the command. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** Standard output and standard error as they came. */
  readonly output: string;
}

export interface RunOptions {
  /** The folder to run in. Default: the project's root. */
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end and keeps what it prints. Never rejects for an exit code. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...toolPath(), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (cause) => {
      reject(new Error(`${command} could not be started: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, stdout, output });
    });
  });
}

/** Like {@link run}, and throws what the command printed where it failed. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    throw new Error(
      `\`${[command, ...args].join(' ')}\` exited with ${result.code}:\n${result.output.trimEnd()}`,
    );
  }
  return result;
}

/** The project's own tools come first, also where a script is started without npm. */
function toolPath(): { readonly PATH: string } {
  const folders = [join(root, 'node_modules', '.bin'), join(root, 'scripts', 'bin')];
  return { PATH: [...folders, process.env['PATH'] ?? ''].join(delimiter) };
}
