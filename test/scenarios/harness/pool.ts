import { join } from 'node:path';

import { Child } from './child.ts';
import type { Gauges, LoadApi, ServerApi } from './protocol.ts';

export type ServerProcess = Child<ServerApi>;
export type LoadProcess = Child<LoadApi>;

/** A process that was used again and again, and what it held after each use. */
export interface History {
  readonly role: 'server' | 'load';
  readonly gauges: Gauges[];
}

/**
 * Processes that go from one run to the next, as real ones live through one trouble after the
 * other: what a trouble leaves behind in them adds up, and is seen.
 */
export class Pool {
  readonly histories = new Map<Child<ServerApi> | Child<LoadApi>, History>();
  private readonly servers: ServerProcess[] = [];
  private readonly loads: LoadProcess[] = [];
  private readonly all = new Set<{ end(): Promise<void>; readonly alive: boolean }>();

  server(): ServerProcess {
    const idle = this.servers.pop();
    if (idle !== undefined) return idle;
    const child = this.spawn<ServerApi>('server-process.ts', 'server');
    this.histories.set(child, { role: 'server', gauges: [] });
    return child;
  }

  load(): LoadProcess {
    const idle = this.loads.pop();
    if (idle !== undefined) return idle;
    const child = this.spawn<LoadApi>('load-process.ts', 'load');
    this.histories.set(child, { role: 'load', gauges: [] });
    return child;
  }

  /** A process of one run alone: one under another command, or with foreign code in it. */
  single<A extends ServerApi | LoadApi>(
    role: 'server' | 'load',
    under: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Child<A> {
    return this.spawn<A>(`${role}-process.ts`, role, under, env);
  }

  /** Takes a process back for the next run; tells what it holds more than after its last one. */
  async giveServer(child: ServerProcess): Promise<string | undefined> {
    if (!child.alive) return undefined;
    const more = this.note(child, await child.ask('stop', null));
    if (more === null) await child.end();
    else this.servers.push(child);
    return more ?? undefined;
  }

  async giveLoad(child: LoadProcess): Promise<string | undefined> {
    if (!child.alive) return undefined;
    const more = this.note(child, await child.ask('close', null));
    if (more === null) await child.end();
    else this.loads.push(child);
    return more ?? undefined;
  }

  /** Null for a process that is of one run alone. */
  private note(child: ServerProcess | LoadProcess, gauges: Gauges): string | undefined | null {
    const history = this.histories.get(child);
    if (history === undefined) return null;
    const before = history.gauges.at(-1);
    history.gauges.push(gauges);
    const kinds = (['timers', 'handles', 'files'] as const).filter(
      (kind) => before !== undefined && gauges[kind] > before[kind],
    );
    if (kinds.length === 0) return undefined;
    const counts = kinds.map((kind) => `${gauges[kind]} ${kind}, ${before?.[kind]} before`);
    return `a ${history.role} process keeps ${counts.join('; ')}`;
  }

  async end(): Promise<void> {
    await Promise.all([...this.all].map((child) => child.end()));
  }

  private spawn<A extends ServerApi | LoadApi>(
    file: string,
    name: string,
    under: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Child<A> {
    const child = new Child<A>({ name, file: join(import.meta.dirname, file), under, env });
    this.all.add(child);
    void child.exited.then(() => this.all.delete(child));
    return child;
  }
}
