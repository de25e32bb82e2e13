import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { type Answer, type Api, EXIT_OP, type Question } from './protocol.ts';

/** How long a child may take to end in an orderly way, writing its profile. */
const EXIT_GRACE_MS = 5_000;

export interface ChildOptions {
  /** For messages: `grpc-js server`. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly nodeArgs: readonly string[];
  /** The core the process may use; undefined for any. */
  readonly core: number | undefined;
}

/** The parent's end of a child process: asks one question at a time and waits for the answer. */
export class Child<A extends Api> {
  private readonly name: string;
  private readonly process: ChildProcess;
  private failure: Error | undefined = undefined;
  private settle: ((outcome: Answer | Error) => void) | undefined = undefined;

  constructor(options: ChildOptions) {
    this.name = options.name;
    const node = [process.execPath, ...options.nodeArgs, options.file, ...options.args];
    const [command = process.execPath, ...args] =
      options.core === undefined ? node : ['taskset', '-c', String(options.core), ...node];
    this.process = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'] });
    this.process.on('message', (message) => this.finish(message as Answer));
    this.process.on('error', (error) => this.fail(new Error(`${this.name}: ${error.message}`)));
    this.process.on('exit', (code, signal) => {
      this.fail(new Error(`${this.name} ended early (${signal ?? `exit code ${code}`})`));
    });
  }

  /** Fails when the child answers with an error, ends, or stays silent for `limitMs`. */
  async ask<Op extends keyof A & string>(
    op: Op,
    argument: Parameters<A[Op]>[0],
    limitMs: number,
  ): Promise<Awaited<ReturnType<A[Op]>>> {
    const question: Question = { op, argument };
    const outcome = await new Promise<Answer | Error>((resolve) => {
      if (this.failure !== undefined) {
        resolve(this.failure);
        return;
      }
      const limit = setTimeout(() => {
        this.finish(new Error(`${this.name} did not answer '${op}' within ${limitMs} ms`));
      }, limitMs);
      this.settle = (answer) => {
        clearTimeout(limit);
        resolve(answer);
      };
      this.process.send(question);
    });
    if (outcome instanceof Error) throw outcome;
    if (!outcome.ok) throw new Error(`${this.name}: ${outcome.error}`);
    return outcome.value as Awaited<ReturnType<A[Op]>>;
  }

  /** Lets the child end by itself, so that it can write a profile, or else kills it. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    const question: Question = { op: EXIT_OP, argument: null };
    this.process.send(question);
    const limit = setTimeout(() => this.kill(), EXIT_GRACE_MS);
    await exited;
    clearTimeout(limit);
  }

  /** At once; there is nothing in a child to save. */
  kill(): void {
    this.process.kill('SIGKILL');
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.finish(error);
  }

  private finish(outcome: Answer | Error): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.(outcome);
  }
}
