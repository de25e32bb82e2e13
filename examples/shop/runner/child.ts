import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { ChildMessage, ChildNews, SupervisorMessage, Whereabouts } from './protocol.ts';

/** How long a process may take to end once it is told to. */
const STOP_MS = 8_000;
/** Lines that are kept for when a process dies. */
const TAIL_LINES = 12;

export interface ChildOptions {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly onNews: (news: ChildNews) => void;
  /** A line that the process wrote to its output. */
  readonly onLine: (line: string) => void;
}

/** How a process ended. */
export interface Exit {
  readonly clean: boolean;
  /** `was killed by SIGKILL` or `ended with exit code 1`. */
  readonly how: string;
  /** What it wrote last. */
  readonly lastLines: readonly string[];
}

/** One process of the shop, as its supervisor sees it. */
export class Child {
  readonly name: string;
  /** Resolves to where it is; never settles when it ends before. */
  readonly ready: Promise<Whereabouts>;
  /** Resolves when it has ended and all it sent was read. */
  readonly exited: Promise<Exit>;
  private readonly process: ChildProcess;
  private readonly lastLines: string[] = [];
  private isReady = false;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.process = fork(options.file, options.args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Reports hold maps.
      serialization: 'advanced',
      // Out of reach of the terminal's Ctrl-C: the supervisor says who ends, in what order.
      detached: true,
    });
    this.ready = new Promise((resolve) => {
      this.process.on('message', (message: ChildMessage) => {
        if (message.kind === 'ready') {
          this.isReady = true;
          resolve(message);
        } else {
          options.onNews(message);
        }
      });
    });
    this.exited = new Promise((resolve) => {
      const { lastLines } = this;
      this.process.on('error', ({ message }) => {
        resolve({ clean: false, how: `could not be started: ${message}`, lastLines });
      });
      this.process.on('close', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
        resolve({ clean: code === 0, how, lastLines });
      });
    });
    this.readLines(options.onLine);
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Lets it finish what is running; kills it when that takes too long. */
  async stop(): Promise<Exit> {
    if (!this.isReady || !this.process.connected) {
      this.process.kill('SIGKILL');
    } else {
      this.send({ kind: 'stop' });
    }
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** Says something to it. It may end in this very moment: then there is nobody to tell. */
  send(message: SupervisorMessage): void {
    if (this.process.connected) this.process.send(message, () => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  private readLines(onLine: (line: string) => void): void {
    for (const input of [this.process.stdout, this.process.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on('line', (line) => {
        this.lastLines.push(line);
        if (this.lastLines.length > TAIL_LINES) this.lastLines.shift();
        onLine(line);
      });
    }
  }
}
