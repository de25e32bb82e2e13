import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The interpreter that Debian's python3-grpcio belongs to; another one by the environment. */
const PYTHON = process.env['INBOARD_PYTHON'] ?? '/usr/bin/python3';
const SCRIPT = new URL('python_peer.py', import.meta.url).pathname;

/** Why tests with Python are not run, as a part of their names; empty where they are. */
export const withoutPython: string =
  spawnSync(PYTHON, ['-c', 'import grpc']).status === 0
    ? ''
    : `: not run because ${PYTHON} has no grpcio`;

export interface Python extends AsyncDisposable {
  /** The next line that it prints. */
  line(): Promise<Record<string, unknown>>;
  /** All further lines, to its end. */
  rest(): Promise<Record<string, unknown>[]>;
}

/** Starts python_peer.py, which says what it takes. */
export function startPython(...args: string[]): Python {
  const child: ChildProcess = spawn(PYTHON, [SCRIPT, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Handshakes that are to fail would be told on stderr.
    env: { ...process.env, GRPC_VERBOSITY: 'NONE' },
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[
    Symbol.asyncIterator
  ]();
  const parse = (text: string): Record<string, unknown> =>
    JSON.parse(text) as Record<string, unknown>;
  return {
    async line() {
      const next = await lines.next();
      if (next.done === true) throw new Error('Python ended early');
      return parse(next.value);
    },
    async rest() {
      const all: Record<string, unknown>[] = [];
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
        all.push(parse(next.value));
      }
      return all;
    },
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      child.kill();
      await exited;
    },
  };
}
