import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** How a command line ended, and what it printed. */
export interface CliRun {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** All of stdin. Default: nothing. */
  readonly input?: string;
  /** Default: the project's folder. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `inboard` as a process of its own, to its end. */
export async function inboard(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const run = startInboard(args, options);
  run.child.stdin?.end(options.input ?? '');
  return run.ended;
}

export interface StartedCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliRun>;
  /** Resolves once stdout holds this text, and with all of it; rejects at an end without it. */
  printed(text: string): Promise<string>;
  /** The same of stderr. */
  told(text: string): Promise<string>;
}

/** Starts `inboard`; its stdin stays open. */
export function startInboard(args: readonly string[], options: CliOptions = {}): StartedCli {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A command that ends before it has read all of its input is what some tests are about.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
  }));
  const holds = async (stream: Readable, text: string, get: () => string): Promise<string> => {
    while (!get().includes(text)) {
      const next = await Promise.race([once(stream, 'data'), ended]);
      if ('stderr' in next) throw new Error(`it ended without '${text}': ${next.stderr}`);
    }
    return get();
  };
  return {
    child,
    ended,
    printed: (text) => holds(child.stdout, text, () => stdout),
    told: (text) => holds(child.stderr, text, () => stderr),
  };
}

/** Each line as JSON. */
export function jsonLines({ stdout }: CliRun): unknown[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
