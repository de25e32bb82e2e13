import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';

/** Windows has no groups: there a child ends alone, and a new one would open a window. */
const GROUPS = process.platform !== 'win32';

/**
 * Starts a process that leads a group of its own, so that what it starts itself ends with it, and
 * all of it with this process. A terminal's Ctrl-C reaches this process alone, which then decides.
 */
export function startGroup(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(command, args, { ...options, detached: GROUPS });
  const end = (): void => killGroup(child);
  process.on('exit', end);
  child.on('error', () => process.off('exit', end));
  child.on('exit', () => {
    process.off('exit', end);
    end();
  });
  return child;
}

/** Ends a child and all that it started, at once. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(GROUPS ? -pid : pid, 'SIGKILL');
  } catch {
    // Nobody is left of it.
  }
}

/**
 * Ends a group also where this process can do nothing any more, as after SIGKILL: a shell that
 * waits for the end of a pipe from here. Returns what lets it go, once the group has ended.
 */
export function guardGroup({ pid }: ChildProcess): () => void {
  if (pid === undefined || !GROUPS) return () => undefined;
  const script = 'read -r _; kill -s KILL -- "-$0"';
  const guard = spawn('/bin/sh', ['-c', script, String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell there is no guard, which matters only where this process is killed.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  return () => {
    guard.kill('SIGKILL');
  };
}
