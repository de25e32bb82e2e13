import { nowMs } from './monotonic.ts';
import type { LoadProcess } from './pool.ts';
import type { PolicyState, Snapshot } from './protocol.ts';
import { Calls, type StreamRecord } from './records.ts';
import type { ClientSpec, LoadSpec } from './specs.ts';

/** Longer than any deadline of a call that a load may have to wait for, in ms. */
const STOP_LIMIT_MS = 60_000;

export interface LoadResult {
  readonly calls: Calls;
  readonly streams: readonly StreamRecord[];
}

/** The load generator of a run: its process, seen from here. */
export class LoadClient {
  readonly process: LoadProcess;
  private readonly seed: number;

  constructor(process: LoadProcess, seed: number) {
    this.process = process;
    this.seed = seed;
  }

  async open(...specs: readonly ClientSpec[]): Promise<void> {
    await this.process.ask('open', specs);
  }

  /** Begins a load; resolves to when it began. */
  async start(load: Omit<LoadSpec, 'seed'>): Promise<number> {
    await this.process.ask('start', { ...load, seed: this.seed });
    return nowMs();
  }

  async stop(): Promise<LoadResult> {
    const { calls, streams } = await this.process.ask('stop', null, STOP_LIMIT_MS);
    return { calls: new Calls(calls), streams };
  }

  async snapshot(): Promise<Snapshot> {
    return this.process.ask('snapshot', null);
  }

  async reopen(...specs: readonly ClientSpec[]): Promise<void> {
    await this.process.ask('reopen', specs);
  }

  async policy(): Promise<PolicyState> {
    return this.process.ask('policy', null);
  }

  async dials(): Promise<readonly number[]> {
    return this.process.ask('dials', null);
  }

  async wallClock(): Promise<number> {
    return this.process.ask('wallClock', null);
  }

  async logged(): Promise<readonly string[]> {
    return this.process.ask('logged', null);
  }
}
