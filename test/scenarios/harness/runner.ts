import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { LabOptions } from './options.ts';
import type { Pool } from './pool.ts';
import type { Ports } from './ports.ts';
import { isMet, type Outcome, type Scenario, type Variant } from './scenario.ts';
import { Stage } from './stage.ts';

/** One run of a scenario. */
export interface Job {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly seed: number;
}

/** What came of it. */
export type JobResult = Job & { readonly tookMs: number } & (
    | { readonly outcome: Outcome }
    /** The run itself broke, which is neither met nor missed. */
    | { readonly error: Error }
  );

export interface RunnerListener {
  started(job: Job, running: readonly Job[], waiting: readonly Job[]): void;
  ended(result: JobResult): void;
  /** A run is made again, since this process, which does nothing, was late by so much. */
  again(result: JobResult, lateMs: number): void;
}

/** A timer of an idle process that is later than this, in ms, tells of a busy machine. */
const LATE_MS = 12;

/** How often a run is made at most. */
const MAX_RUNS = 3;

/** Cores that the shares of the scenarios were measured on. */
const REFERENCE_CORES = 2;

/** Runs jobs in order, as many at a time as the machine carries without bending the figures. */
export class Runner {
  private readonly pool: Pool;
  private readonly ports: Ports;
  private readonly quick: boolean;
  private readonly listener: RunnerListener;
  private readonly capacity: number;
  private readonly running = new Set<Job>();
  private waiting: Job[] = [];

  constructor(
    pool: Pool,
    ports: Ports,
    { quick, load }: Pick<LabOptions, 'quick' | 'load'>,
    listener: RunnerListener,
  ) {
    this.capacity = load * Math.max(1, availableParallelism() / REFERENCE_CORES);
    this.pool = pool;
    this.ports = ports;
    this.quick = quick;
    this.listener = listener;
  }

  async run(jobs: readonly Job[]): Promise<readonly JobResult[]> {
    this.waiting = [...jobs];
    const results: JobResult[] = [];
    const under = new Set<Promise<void>>();
    for (;;) {
      for (const job of this.fitting()) {
        this.running.add(job);
        this.listener.started(job, [...this.running], this.waiting);
        const ended = this.runOne(job).then((result) => {
          results.push(result);
          this.running.delete(job);
          under.delete(ended);
          this.listener.ended(result);
        });
        under.add(ended);
      }
      if (under.size === 0) break;
      await Promise.race(under);
    }
    return results;
  }

  /** The jobs to start now, taken from those that wait. */
  private fitting(): Job[] {
    const chosen: Job[] = [];
    let used = sum([...this.running].map(({ scenario }) => scenario.share));
    for (const job of [...this.waiting]) {
      const { share } = job.scenario;
      const alone = this.running.size + chosen.length === 0;
      // What needs the whole machine waits until it is free, and is not overtaken for ever.
      if (!alone && share >= 1) break;
      if (!alone && used + share > this.capacity + 1e-9) continue;
      used += share;
      chosen.push(job);
      this.waiting.splice(this.waiting.indexOf(job), 1);
      if (share >= 1) break;
    }
    return chosen;
  }

  private async runOne(job: Job): Promise<JobResult> {
    for (let runs = 1; ; runs++) {
      const lag = monitorEventLoopDelay({ resolution: 2 });
      lag.enable();
      const result = await this.runOnce(job);
      lag.disable();
      const lateMs = lag.max / 1e6;
      const again = job.scenario.exact === true && lateMs > LATE_MS && !isAsItMustBe(result);
      if (!again || runs === MAX_RUNS) return result;
      this.listener.again(result, lateMs);
    }
  }

  private async runOnce(job: Job): Promise<JobResult> {
    const { scenario, variant, seed } = job;
    const startMs = performance.now();
    const stage = new Stage(variant, seed, this.quick, this.pool, this.ports);
    const took = (): { tookMs: number } => ({ tookMs: performance.now() - startMs });
    try {
      const outcome = await scenario.run(stage);
      const kept = await stage.end();
      return { ...job, ...took(), outcome: { ...outcome, notes: [...outcome.notes, ...kept] } };
    } catch (error) {
      await stage.end().catch(() => undefined);
      const failure = error instanceof Error ? error : new Error(String(error));
      return { ...job, ...took(), error: failure };
    }
  }
}

/** The bar is met, or missed by the control; stock grpc-js may be as it likes. */
export function isAsItMustBe(result: JobResult): boolean {
  if ('error' in result) return false;
  const { scenario, variant, outcome } = result;
  if (variant === 'stock') return true;
  if (variant === 'on') return outcome.checks.every(isMet);
  return scenario.off.fails.every((name) =>
    outcome.checks.some((check) => check.name === name && !isMet(check)),
  );
}

/** Seconds that jobs still take, if all goes as it should. */
export function estimateSeconds(jobs: readonly Job[], quick: boolean): number {
  return sum(jobs.map(({ scenario }) => scenario.share * scenario.seconds * (quick ? 0.4 : 1)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
