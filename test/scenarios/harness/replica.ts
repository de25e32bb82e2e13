import type { Exit } from './child.ts';
import { nowMs } from './monotonic.ts';
import type { ServerProcess } from './pool.ts';
import type { ServerCounts } from './protocol.ts';
import type { Behaviour, ServerSpec } from './specs.ts';

/** Where a replica's processes come from and go to. */
export interface ProcessSource {
  take(): ServerProcess;
  give(process: ServerProcess): Promise<string | undefined>;
}

/** A server at one address that is killed, drained, stopped and started again. */
export class Replica {
  readonly spec: ServerSpec;
  private readonly source: ProcessSource;
  private process: ServerProcess | undefined = undefined;

  constructor(spec: ServerSpec, source: ProcessSource) {
    this.spec = spec;
    this.source = source;
  }

  get name(): string {
    return this.spec.name;
  }

  get address(): string {
    return this.spec.address;
  }

  /** Serves, in a process of its own. */
  async start(): Promise<void> {
    this.process = this.source.take();
    await this.process.ask('start', this.spec);
  }

  /** SIGKILL: nothing in it gets to say good-bye. */
  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    process?.kill('SIGKILL');
    await process?.exited;
  }

  /** SIGTERM: it drains. Resolves to how it ended and how long that took, in ms. */
  async terminate(): Promise<Exit & { readonly tookMs: number }> {
    const { process } = this;
    this.process = undefined;
    const startMs = nowMs();
    process?.kill('SIGTERM');
    const exit = (await process?.exited) ?? { code: null, signal: null };
    return { ...exit, tookMs: nowMs() - startMs };
  }

  /** SIGSTOP: its sockets stay open, and nobody reads them. */
  freeze(): void {
    this.process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.process?.kill('SIGCONT');
  }

  async behave(behaviour: Behaviour): Promise<void> {
    await this.running.ask('behave', behaviour);
  }

  /** What it has seen since it last started. */
  counts(): Promise<ServerCounts> {
    return this.running.ask('counts', null);
  }

  /** Ends it and gives its process back; resolves to what that keeps, if anything. */
  async release(): Promise<string | undefined> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined || !process.alive) return undefined;
    process.kill('SIGCONT');
    return this.source.give(process);
  }

  private get running(): ServerProcess {
    if (this.process === undefined) throw new Error(`${this.name} is not running`);
    return this.process;
  }
}
