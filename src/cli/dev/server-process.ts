import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { guardGroup, killGroup, startGroup } from '../process-group.ts';
import type { Report } from './report.ts';

export interface ServerProcessOptions {
  /** The file that Node starts, and what it is given. */
  readonly entry: string;
  readonly args: readonly string[];
  /** How long it may take to end, in ms. */
  readonly graceMs: number;
  /** Its stdout goes to stderr. */
  readonly quiet: boolean;
}

/** After how long it is said that an end is waited for, in ms. */
const PATIENCE_MS = 1_000;

/** The server: at most one process at a time. */
export class ServerProcess {
  private readonly options: ServerProcessOptions;
  private readonly report: Report;
  private child: ChildProcess | undefined = undefined;
  private stopping = false;
  private over = false;

  constructor(options: ServerProcessOptions, report: Report) {
    this.options = options;
    this.report = report;
  }

  /** Undefined while none runs. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts it anew. The one before has ended by then, so that its port is free. */
  async restart(): Promise<void> {
    await this.stop();
    if (!this.over) this.start();
  }

  /** Ends it for good. */
  async end(): Promise<void> {
    this.over = true;
    await this.stop();
  }

  private start(): void {
    const { entry, args, quiet } = this.options;
    const child = startGroup(process.execPath, [entry, ...args], {
      stdio: ['inherit', quiet ? 2 : 'inherit', 'inherit'],
      env: { ...process.env, INBOARD_DEV: '1' },
    });
    const release = guardGroup(child);
    this.child = child;
    this.stopping = false;
    child.on('exit', (code, signal) => {
      release();
      this.child = undefined;
      const pid = child.pid ?? 0;
      this.report({ event: 'ended', entry, pid, code, signal, asked: this.stopping });
    });
    this.report({ event: 'started', entry, pid: child.pid ?? 0 });
  }

  /** Asks it to end, and does not ask for long. */
  private async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    const { pid = 0 } = child;
    const { graceMs } = this.options;
    const ended = once(child, 'exit');
    const told = setTimeout(() => {
      const message = `waiting for pid ${pid} to end; it is killed after ${graceMs / 1_000} s`;
      this.report({ event: 'note', message });
    }, PATIENCE_MS);
    const killed = setTimeout(() => {
      this.report({ event: 'killed', pid, graceMs });
      killGroup(child);
    }, graceMs);
    if (!this.stopping) child.kill('SIGTERM');
    this.stopping = true;
    await ended;
    clearTimeout(told);
    clearTimeout(killed);
  }
}
