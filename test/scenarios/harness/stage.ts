import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { seededRandom } from '../../../src/testing/index.ts';
import { LoadClient } from './load-client.ts';
import type { LoadProcess, Pool, ServerProcess } from './pool.ts';
import type { Ports } from './ports.ts';
import type { LoadApi, ServerApi } from './protocol.ts';
import { Replica } from './replica.ts';
import type { Variant } from './scenario.ts';
import type { ClientSpec, ServerSpec } from './specs.ts';

const NAMES = 'abcdefghijklmnopqrstuvwxyz';

/** The resolver of grpc-js that asks the DNS server which a target names. */
const STOCK_ENV = { GRPC_NODE_USE_ALTERNATIVE_RESOLVER: 'true' };

/** What a run asks of its servers beyond the ordinary. */
export type ServerOverrides = Partial<Omit<ServerSpec, 'name' | 'seed' | 'journal'>>;

/** Where a run's processes come from when not from the pool. */
interface Special {
  readonly under: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Everything that one run opens: its servers, its load, its folder. They end together. */
export class Stage {
  readonly variant: Variant;
  readonly seed: number;
  /** The quick form: shorter, with fewer rounds. */
  readonly quick: boolean;
  readonly random: () => number;
  readonly ports: Ports;
  private readonly pool: Pool;
  private temporary: Promise<string> | undefined = undefined;
  private named = 0;
  private special: Special | undefined = undefined;
  private readonly replicas: Replica[] = [];
  private readonly loads: LoadProcess[] = [];
  private readonly endings: (() => Promise<void> | void)[] = [];

  constructor(variant: Variant, seed: number, quick: boolean, pool: Pool, ports: Ports) {
    this.variant = variant;
    this.seed = seed;
    this.quick = quick;
    this.random = seededRandom(seed);
    this.pool = pool;
    this.ports = ports;
  }

  /** `full` in the long form of the lab, `quick` in the short one. */
  choose<T>(full: T, quick: T): T {
    return this.quick ? quick : full;
  }

  /** A folder of this run. */
  folder(): Promise<string> {
    this.temporary ??= mkdtemp(join(tmpdir(), 'inboard-lab-'));
    return this.temporary;
  }

  /** From here on, processes run under a command and are used once. */
  processesUnder(under: readonly string[], env: Readonly<Record<string, string>>): void {
    this.special = { under, env };
  }

  async server(overrides: ServerOverrides = {}): Promise<Replica> {
    const index = this.named++;
    const folder = await this.folder();
    const name = NAMES[index] ?? `server-${index}`;
    const spec: ServerSpec = {
      kind: 'inboard',
      name,
      address: overrides.address ?? `127.0.0.1:${await this.ports.take('127.0.0.1')}`,
      seed: this.seed * 100 + index,
      behaviour: { delayMs: 5 },
      journal: join(folder, 'journal'),
      ...overrides,
    };
    const { pool, special } = this;
    const replica = new Replica(spec, {
      take: () =>
        special === undefined
          ? pool.server()
          : pool.single<ServerApi>('server', special.under, special.env),
      give: (process: ServerProcess) => pool.giveServer(process),
    });
    this.replicas.push(replica);
    await replica.start();
    return replica;
  }

  /** So many servers, named in order, started side by side. */
  servers(count: number, overrides: ServerOverrides = {}): Promise<Replica[]> {
    return Promise.all(Array.from({ length: count }, () => this.server(overrides)));
  }

  /** A load generator with its clients. */
  async load(...specs: readonly ClientSpec[]): Promise<LoadClient> {
    const { special } = this;
    const stock = specs.some(({ kind }) => kind === 'stock');
    const process =
      special !== undefined || stock
        ? this.pool.single<LoadApi>('load', special?.under, { ...STOCK_ENV, ...special?.env })
        : this.pool.load();
    this.loads.push(process);
    const load = new LoadClient(process, this.seed);
    await load.open(...specs);
    return load;
  }

  /** Every run of `Write`, by the ids of the requests, over all servers and their deaths. */
  async journal(): Promise<readonly string[]> {
    const text = await readFile(join(await this.folder(), 'journal'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  pause(durationMs: number): Promise<void> {
    return delay(durationMs);
  }

  /** What else must be ended with the run. */
  onEnd(ending: () => Promise<void> | void): void {
    this.endings.push(ending);
  }

  /** Ends all of it; resolves to what processes that live on have kept of it. */
  async end(): Promise<readonly string[]> {
    const steps: readonly (() => Promise<string | undefined | void> | void)[] = [
      ...this.loads.map((load) => () => this.pool.giveLoad(load)),
      ...this.replicas.map((replica) => () => replica.release()),
      ...this.endings,
    ];
    const ended = await Promise.allSettled(steps.map(async (step) => step()));
    if (this.temporary !== undefined) {
      await rm(await this.temporary, { recursive: true, force: true });
    }
    const kept: string[] = [];
    for (const each of ended) {
      if (each.status === 'rejected') throw each.reason;
      if (each.value !== undefined) kept.push(each.value);
    }
    return kept;
  }
}

/** The target that lists these servers. */
export function targetOf(replicas: readonly Replica[]): string {
  return `static:///${replicas.map(({ address }) => address).join(',')}`;
}
