import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');
const start = join(root, 'scripts', 'start.ts');
const running: Run[] = [];

/** Ends, after a test, what it has left running. */
export function killRuns(): void {
  for (const run of running.splice(0)) run.process.kill('SIGKILL');
}

/** `npm start -- ARGS` as a process whose output is read as it comes. */
export class Run {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  private readonly exitCode: Promise<number | null>;
  private closed = false;
  private waiting: (() => void)[] = [];

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [start, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line);
        this.wake();
      });
    }
    this.exitCode = new Promise((resolve) => {
      child.on('close', (code) => {
        this.closed = true;
        resolve(code);
        this.wake();
      });
    });
    running.push(this);
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** Its end; throws all it printed when that is not the end expected. */
  async ended(expected: number): Promise<void> {
    const code = await this.exitCode;
    if (code !== expected) throw new Error(`exit code ${code}, not ${expected}:\n${this.output}`);
  }

  /** The first line that matches, as soon as it is there. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.closed) throw new Error(`no ${pattern} in:\n${this.output}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** The process ids of the shop, by name. */
  async pids(): Promise<Map<string, number>> {
    await this.line(/^gateway +\d+/);
    const rows = this.lines.map((line) => /^(\S+) +(\d+) +(?:127\.0\.0\.1:\d+|-)/.exec(line));
    return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1] ?? '', Number(row[2])]])));
  }

  /** The URLs of the admin listeners, by name of the process. */
  async admins(): Promise<Map<string, string>> {
    await this.line(/^gateway +\d+/);
    const rows = this.lines.map((line) => /^(\S+) +\d+ .*(http:\/\/\S+)\/console$/.exec(line));
    return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1] ?? '', row[2] ?? '']])));
  }

  /** The last line: what the run came to, by name. */
  get figures(): Readonly<Record<string, number>> {
    const line = this.lines.findLast((text) => text.startsWith('figures '));
    const pairs = (line ?? '').split(' ').slice(1);
    return Object.fromEntries(
      pairs.map((pair): [string, number] => {
        const [key = '', value] = pair.split('=');
        return [key, Number(value)];
      }),
    );
  }

  /** A row of the last method table. */
  counts(method: string): {
    readonly ok: number;
    readonly failed: number;
    readonly unknown: number;
  } {
    const row = this.lines.findLast((line) => line.startsWith(`${method} `));
    const [, , ok, , , , , , , failed, unknown] = row?.split(/ +/) ?? [];
    return { ok: Number(ok), failed: Number(failed), unknown: Number(unknown) };
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** A folder that is gone at the end of a test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'inboard-shop-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** How long customers wait who are in no hurry, in ms; less than any call has by default. */
export const UNHURRIED_MS = 12_000;

/**
 * Writes the shop's policy as it is where nobody is in a hurry; returns its path. On a busy machine
 * calls take longer than the shop's customers would wait, and each of them is hedged, which spends
 * what retries need. What these tests are after is what faults do, and not how fast the machine is.
 */
export async function unhurriedPolicy(
  folder: string,
  edit: readonly [text: string, by: string] = ['', ''],
): Promise<string> {
  const times = `{ timeoutMs: ${UNHURRIED_MS}, attemptTimeoutMs: ${UNHURRIED_MS} }`;
  const edits = [
    edit,
    ['delayMs: 60', 'delayMs: 1000'],
    ['\nmethods:\n', `\nmethods:\n  orders.v1.OrdersService: ${times}\n`],
  ] as const;
  let policy = await readFile(join(root, 'examples', 'shop', 'policy.yaml'), 'utf8');
  for (const [text, by] of edits) {
    if (!policy.includes(text)) throw new Error(`the shop's policy has no '${text}'`);
    policy = policy.replace(text, by);
  }
  const path = join(folder, 'policy.yaml');
  await writeFile(path, policy);
  return path;
}
