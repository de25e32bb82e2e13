import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { EXIT_OP } from './answering.ts';
import type { Answer, Api, Question } from './protocol.ts';

/** Lines that are kept for when a process dies. */
const TAIL_LINES = 15;

export interface ChildOptions {
  /** For messages: `server`. */
  readonly name: string;
  readonly file: string;
  /** A command to run Node under, such as faketime. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The orchestrator's end of a child process. */
export class Child<A extends Api> {
  /** Resolves when it has ended and all it sent was read. */
  readonly exited: Promise<Exit>;
  private readonly name: string;
  private readonly process: ChildProcess;
  private readonly lastLines: string[] = [];
  private readonly waiting = new Map<number, (outcome: Answer | Error) => void>();
  private failure: Error | undefined = undefined;
  private questions = 0;

  constructor({ name, file, under = [], env = {} }: ChildOptions) {
    this.name = name;
    const line = [
      ...under,
      process.execPath,
      '--expose-gc',
      '--disable-warning=ExperimentalWarning',
      file,
    ];
    this.process = spawn(line[0] ?? process.execPath, line.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, ...env },
    });
    this.process.on('message', (message) => {
      const answer = message as Answer;
      this.waiting.get(answer.id)?.(answer);
    });
    this.exited = new Promise((resolve) => {
      this.process.on('error', (error) => {
        this.fail(error.message);
        resolve({ code: 1, signal: null });
      });
      this.process.on('close', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
        this.fail([how, ...this.lastLines].join('\n  '));
        resolve({ code, signal });
      });
    });
    this.keepLines();
  }

  get alive(): boolean {
    return this.failure === undefined && this.process.signalCode === null;
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Fails when the child answers with an error, ends, or stays silent for `limitMs`. */
  async ask<Op extends keyof A & string>(
    op: Op,
    argument: Parameters<A[Op]>[0],
    limitMs: number = 30_000,
  ): Promise<Awaited<ReturnType<A[Op]>>> {
    const id = ++this.questions;
    const question: Question = { id, op, argument };
    const outcome = await new Promise<Answer | Error>((resolve) => {
      if (this.failure !== undefined) {
        resolve(this.failure);
        return;
      }
      const limit = setTimeout(() => {
        resolve(new Error(`${this.name} did not answer '${op}' within ${limitMs} ms`));
      }, limitMs);
      this.waiting.set(id, (settled) => {
        clearTimeout(limit);
        resolve(settled);
      });
      this.process.send(question, (error) => {
        if (error !== null) this.waiting.get(id)?.(error);
      });
    });
    this.waiting.delete(id);
    if (outcome instanceof Error) throw outcome;
    if (!outcome.ok) throw new Error(`${this.name}: ${outcome.error}`);
    return outcome.value as Awaited<ReturnType<A[Op]>>;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Ends it for good, whatever it does; a stopped process too. */
  async end(): Promise<void> {
    if (!this.alive) return;
    const question: Question = { id: 0, op: EXIT_OP, argument: null };
    this.process.send(question, () => undefined);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 500);
    await this.exited;
    clearTimeout(timer);
  }

  private fail(how: string): void {
    this.failure ??= new Error(`${this.name} (pid ${this.pid}) ${how}`);
    for (const settle of [...this.waiting.values()]) settle(this.failure);
  }

  private keepLines(): void {
    for (const input of [this.process.stdout, this.process.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on('line', (line) => {
        this.lastLines.push(line);
        if (this.lastLines.length > TAIL_LINES) this.lastLines.shift();
      });
    }
  }
}
