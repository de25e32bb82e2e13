import { join } from 'node:path';

import { Child, type Exit } from './child.ts';
import type { Report } from './report.ts';

/** How long a process that died stays away. */
const RESTART_AFTER_MS = 1_000;

/** What to run. */
export interface Program {
  /** The process's name, as in `inventory-2`. */
  readonly name: string;
  /** Its file in examples/shop. */
  readonly file: string;
  /** The targets of those it calls: `['--orders', 'static:///…']`. */
  readonly args: readonly string[];
}

/** A process as the table shows it. */
export interface ProcessState {
  readonly name: string;
  readonly pid: number | undefined;
  readonly address: string | undefined;
  /** False from its death until its successor is ready. */
  readonly up: boolean;
}

export interface SupervisorListener {
  report(name: string, report: Report): void;
  /** A line for people: a death, a restart, or what a process has printed. */
  say(line: string): void;
}

interface Supervised {
  readonly program: Program;
  child: Child;
  address: string | undefined;
  up: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Runs the processes of the shop. One that ends without being told to is named, with its last
 * words, and started again on the address it had, where its clients look for it.
 */
export class Supervisor {
  /** One line for each process that ended without being told to, or would not end when told. */
  readonly deaths: string[] = [];
  private readonly listener: SupervisorListener;
  private readonly processes = new Map<string, Supervised>();
  private stopping = false;

  constructor(listener: SupervisorListener) {
    this.listener = listener;
  }

  /** Starts a process and resolves to its address; rejects when it ends before it is ready. */
  async start(program: Program): Promise<string> {
    const child = this.spawn(program, '127.0.0.1:0');
    const supervised: Supervised = {
      program,
      child,
      address: undefined,
      up: false,
      timer: undefined,
    };
    this.processes.set(program.name, supervised);
    const exit = await this.untilReady(supervised);
    if (exit !== undefined) {
      throw new Error(`${program.name} ${exit.how}${lastWords(exit)}`);
    }
    void this.watch(supervised);
    return supervised.address ?? '';
  }

  states(): ProcessState[] {
    return [...this.processes.values()].map(({ program, child, address, up }) => ({
      name: program.name,
      pid: child.pid,
      address,
      up,
    }));
  }

  /** Ends everything, in this order, so that nobody calls a server that is gone. */
  async stop(order: readonly (readonly string[])[]): Promise<void> {
    this.stopping = true;
    for (const names of order) await Promise.all(names.map((name) => this.stopOne(name)));
  }

  private async stopOne(name: string): Promise<void> {
    const supervised = this.processes.get(name);
    if (supervised === undefined) return;
    clearTimeout(supervised.timer);
    const { child, up } = supervised;
    const exit = await child.stop();
    if (up && !exit.clean) this.deaths.push(`${name} (pid ${child.pid}) ${exit.how} at closing`);
  }

  private spawn({ name, file, args }: Program, listen: string): Child {
    return new Child({
      name,
      file: join(import.meta.dirname, '..', file),
      args: ['--name', name, '--listen', listen, ...args],
      onReport: (report) => this.listener.report(name, report),
      onLine: (line) => this.listener.say(`[${name}] ${line}`),
    });
  }

  /** Undefined once it is ready, or how it ended before that. */
  private untilReady(supervised: Supervised): Promise<Exit | undefined> {
    const { child } = supervised;
    const ready = child.ready.then((address) => {
      supervised.address = address;
      supervised.up = true;
      return undefined;
    });
    return Promise.race([ready, child.exited]);
  }

  private async watch(supervised: Supervised): Promise<void> {
    const { child } = supervised;
    const exit = await child.exited;
    if (this.stopping) return;
    supervised.up = false;
    const death = `${child.name} (pid ${child.pid}) ${exit.how}`;
    this.deaths.push(death);
    this.listener.say(`${death}; starting it again${lastWords(exit)}`);
    supervised.timer = setTimeout(() => void this.restart(supervised), RESTART_AFTER_MS);
  }

  private async restart(supervised: Supervised): Promise<void> {
    const { program, address } = supervised;
    supervised.child = this.spawn(program, address ?? '127.0.0.1:0');
    const exit = await this.untilReady(supervised);
    if (exit === undefined) this.listener.say(`${program.name} is back`);
    void this.watch(supervised);
  }
}

function lastWords({ lastLines }: Exit): string {
  return lastLines.length === 0 ? '' : `. Its last words:\n  ${lastLines.join('\n  ')}`;
}
