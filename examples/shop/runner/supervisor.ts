import { join } from 'node:path';

import { Child, type Exit } from './child.ts';
import type { ChildCounts, Tone } from './protocol.ts';
import type { Trouble } from './trouble.ts';

const ANY_PORT = '127.0.0.1:0';

/** How long a process that died by itself stays away. */
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
  /** The URL of its admin listener; its successor's is the same. */
  readonly admin: string | undefined;
  /** False from its death until its successor is ready. */
  readonly up: boolean;
  /** What is being done to it on purpose, in a word or two. */
  readonly fault: string | undefined;
}

export interface SupervisorListener {
  /** What a process has counted. */
  counts(name: string, counts: ChildCounts): void;
  /** A line for people: a death, a restart, or what a process has printed. */
  say(line: string, tone: Tone): void;
  /** A process is ready, for the first time or again. */
  ready?(): void;
}

/** An end that is brought about on purpose. */
interface Ending {
  readonly awayMs: number;
  readonly ended: (exit: Exit) => void;
  readonly back: () => void;
}

interface Supervised {
  readonly program: Program;
  child: Child;
  address: string | undefined;
  admin: string | undefined;
  up: boolean;
  timer: NodeJS.Timeout | undefined;
  fault: string | undefined;
  ending: Ending | undefined;
}

/**
 * Runs the processes of the shop. One that ends without being told to is named, with its last
 * words, and started again on the addresses it had, where its clients look for it.
 */
export class Supervisor {
  /** One line for each process that ended without being told to, or would not end when told. */
  readonly deaths: string[] = [];
  private readonly listener: SupervisorListener;
  private readonly processes = new Map<string, Supervised>();
  private waiting: (() => void)[] = [];
  private stopping = false;

  constructor(listener: SupervisorListener) {
    this.listener = listener;
  }

  /** Starts a process and resolves to its address; rejects when it ends before it is ready. */
  async start(program: Program): Promise<string> {
    const supervised: Supervised = {
      program,
      child: this.spawn(program, ANY_PORT, ANY_PORT),
      address: undefined,
      admin: undefined,
      up: false,
      timer: undefined,
      fault: undefined,
      ending: undefined,
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
    return [...this.processes.values()].map(({ program, child, address, admin, up, fault }) => ({
      name: program.name,
      pid: child.pid,
      address,
      admin,
      up,
      fault,
    }));
  }

  isUp(name: string): boolean {
    return this.processes.get(name)?.up ?? false;
  }

  /** Resolves once no process is down: those that died are started again. */
  async allUp(): Promise<void> {
    while (![...this.processes.values()].every(({ up }) => up)) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /**
   * Ends a process by a signal, on purpose, and starts it again `awayMs` after its end. `ended`
   * tells how it went, `back` that the new one is ready; neither settles when the shop closes first.
   */
  end(
    name: string,
    signal: 'SIGKILL' | 'SIGTERM',
    awayMs: number,
  ): { readonly ended: Promise<Exit>; readonly back: Promise<void> } {
    const ended = Promise.withResolvers<Exit>();
    const back = Promise.withResolvers<void>();
    const supervised = this.processes.get(name);
    if (supervised !== undefined) {
      supervised.fault = signal;
      supervised.ending = { awayMs, ended: ended.resolve, back: back.resolve };
      supervised.child.signal(signal);
    }
    return { ended: ended.promise, back: back.promise };
  }

  /** Makes a process ill, or well again. */
  trouble(name: string, trouble: Trouble | undefined, fault: string | undefined): void {
    const supervised = this.processes.get(name);
    if (supervised === undefined) return;
    supervised.fault = fault;
    supervised.child.send({ kind: 'trouble', trouble });
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
    const { child, up, ending } = supervised;
    const exit = await child.stop();
    if (up && !exit.clean && ending === undefined) {
      this.deaths.push(`${name} (pid ${child.pid}) ${exit.how} at closing`);
    }
  }

  private spawn({ name, file, args }: Program, listen: string, admin: string): Child {
    return new Child({
      name,
      file: join(import.meta.dirname, '..', file),
      args: ['--name', name, '--listen', listen, '--admin', admin, ...args],
      onNews: (news) => {
        if (news.kind === 'event') this.listener.say(this.named(news.text), news.tone);
        else this.listener.counts(name, news);
      },
      onLine: (line) => this.listener.say(`[${name}] ${line}`, 'plain'),
    });
  }

  /** The names of processes for their addresses: what people know them by. */
  private named(text: string): string {
    let named = text;
    for (const { program, address } of this.processes.values()) {
      if (address !== undefined) named = named.replaceAll(address, program.name);
    }
    return named;
  }

  /** Undefined once it is ready, or how it ended before that. */
  private untilReady(supervised: Supervised): Promise<Exit | undefined> {
    const { child } = supervised;
    const ready = child.ready.then(({ address, admin }) => {
      supervised.address = address;
      supervised.admin = admin;
      supervised.up = true;
      this.listener.ready?.();
      for (const resolve of this.waiting.splice(0)) resolve();
      return undefined;
    });
    return Promise.race([ready, child.exited]);
  }

  private async watch(supervised: Supervised): Promise<void> {
    const { child } = supervised;
    const exit = await child.exited;
    if (this.stopping) return;
    supervised.up = false;
    const { ending } = supervised;
    const end = `${child.name} (pid ${child.pid}) ${exit.how}`;
    if (ending === undefined) {
      this.deaths.push(end);
      this.listener.say(`${end}; starting it again${lastWords(exit)}`, 'bad');
    } else {
      ending.ended(exit);
    }
    const awayMs = ending?.awayMs ?? RESTART_AFTER_MS;
    supervised.timer = setTimeout(() => void this.restart(supervised), awayMs);
  }

  private async restart(supervised: Supervised): Promise<void> {
    const { program, address = ANY_PORT, admin, ending } = supervised;
    // What was done to the old one was not done to the new one.
    supervised.fault = undefined;
    supervised.ending = undefined;
    // Whoever looks into it, a browser or a Prometheus, finds it where it was.
    const watched = admin === undefined ? ANY_PORT : new URL(admin).host;
    supervised.child = this.spawn(program, address, watched);
    const exit = await this.untilReady(supervised);
    if (exit === undefined) {
      this.listener.say(`${program.name} is back (pid ${supervised.child.pid})`, 'good');
      ending?.back();
    }
    void this.watch(supervised);
  }
}

function lastWords({ lastLines }: Exit): string {
  return lastLines.length === 0 ? '' : `. Its last words:\n  ${lastLines.join('\n  ')}`;
}
