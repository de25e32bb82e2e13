import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child } from './child.ts';
import type { Pinning } from './cores.ts';
import type { RowName } from './peers/rows.ts';
import { type ClientApi, cpuMicros, type ServerApi } from './protocol.ts';
import { rateOf, type Workload } from './workloads.ts';

/** How long anything but load may take, on a machine that is busy with something else. */
const ANSWER_LIMIT_MS = 20_000;

/** The figures of one slice of one row. */
export interface SliceFigures {
  readonly count: number;
  readonly elapsedMs: number;
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time a call, message or round trip, in microseconds. */
  readonly clientMicros: number;
  readonly serverMicros: number;
}

export interface RowOptions {
  readonly row: RowName;
  readonly pinning: Pinning;
  /** Where each process leaves its CPU profile; undefined for none. */
  readonly profileDirectory: string | undefined;
}

/** One row of the comparison: a server process and a client process, alive for the whole run. */
export class Row {
  readonly name: RowName;
  private readonly server: Child<ServerApi>;
  private readonly client: Child<ClientApi>;
  private port = 0;
  private workload: Workload | undefined = undefined;

  constructor(options: RowOptions) {
    this.name = options.row;
    this.server = startChild(options, 'server', options.pinning.server);
    this.client = startChild(options, 'client', options.pinning.client);
  }

  async start(): Promise<void> {
    this.port = await this.server.ask('start', null, ANSWER_LIMIT_MS);
  }

  /** Opens the connections of a workload and runs it for a while without counting. */
  async open(workload: Workload, warmUpMs: number): Promise<void> {
    const load = { port: this.port, workload: workload.name };
    await this.client.ask('open', load, ANSWER_LIMIT_MS);
    this.workload = workload;
    await this.slice(warmUpMs);
  }

  /** Runs the opened workload; both processes are idle when their CPU time is read. */
  async slice(durationMs: number): Promise<SliceFigures> {
    const { workload } = this;
    if (workload === undefined) throw new Error('no workload is open');
    const before = await this.server.ask('usage', null, ANSWER_LIMIT_MS);
    const report = await this.client.ask('run', durationMs, durationMs + ANSWER_LIMIT_MS);
    const after = await this.server.ask('usage', null, ANSWER_LIMIT_MS);
    const { count, elapsedMs, p50Ms, p99Ms } = report;
    return {
      count,
      elapsedMs,
      rate: rateOf(workload, count, elapsedMs),
      p50Ms,
      p99Ms,
      clientMicros: report.cpuMicros / count,
      serverMicros: (cpuMicros(after) - cpuMicros(before)) / count,
    };
  }

  async close(): Promise<void> {
    await this.client.ask('close', null, ANSWER_LIMIT_MS);
    this.workload = undefined;
  }

  async stop(): Promise<void> {
    await Promise.all([this.client.stop(), this.server.stop()]);
  }

  kill(): void {
    this.client.kill();
    this.server.kill();
  }
}

function startChild<A extends ServerApi | ClientApi>(
  { row, profileDirectory }: RowOptions,
  side: 'server' | 'client',
  core: number | undefined,
): Child<A> {
  const profileArgs =
    profileDirectory === undefined
      ? []
      : [
          '--cpu-prof',
          `--cpu-prof-dir=${profileDirectory}`,
          `--cpu-prof-name=${row}-${side}.cpuprofile`,
        ];
  return new Child<A>({
    name: `${row} ${side}`,
    file: join(fileURLToPath(import.meta.url), '..', `${side}-process.ts`),
    args: [row],
    nodeArgs: profileArgs,
    core,
  });
}
