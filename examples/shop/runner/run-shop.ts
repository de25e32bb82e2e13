import { setTimeout as delay } from 'node:timers/promises';

import { type EndpointSnapshot, policyFile } from '../../../src/index.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { Events } from './events.ts';
import { FaultDirector, planRound } from './faults.ts';
import { Ledger } from './ledger.ts';
import type { StartOptions } from './options.ts';
import type { ChildCounts } from './protocol.ts';
import { openScreen, type Screen } from './screen.ts';
import { POLICY_FILE } from './shop-process.ts';
import { CLOSING_ORDER, openShop, REPLICAS } from './shop.ts';
import type { MethodStanding } from './standing.ts';
import { Statistics } from './statistics.ts';
import { type ProcessState, Supervisor } from './supervisor.ts';
import { TargetsFile } from './targets.ts';
import { judge } from './verdict.ts';
import { eventLine, finalView, liveView, processLines, summaryLine, welcomeLine } from './view.ts';

const REDRAW_EVERY_MS = 500;
const ORPHAN_CHECK_MS = 500;
/** What counts as lately, for the rates, latencies and shares of the live table. */
const WINDOW_MS = 5_000;
/** What is left of `--once` after the last fault, to get well. */
const REST_MS = 1_000;
/** How much longer than it should a run may wait for processes that do not come back. */
const PATIENCE_MS = 30_000;

const HEADER = [
  'The inboard shop: gateway → orders → 3 × inventory, payments. Ctrl-C ends it.',
  'The code is in examples/shop: read orders.ts and policy.yaml first.',
];

/**
 * Runs the shop, and breaks it, for a time or until the process is told to end, and prints what it
 * came to. Resolves to the exit code: with a duration 1 when something went wrong that must not,
 * else 0.
 */
export async function runShop(options: StartOptions): Promise<number> {
  await readPolicy(options.policy ?? POLICY_FILE);
  const targets = options.targets === undefined ? undefined : new TargetsFile(options.targets);
  // So is a file that cannot be written.
  await targets?.close();
  return new ShopRun(options, targets).run();
}

/** A policy that cannot be used is told before anything starts. */
async function readPolicy(path: string): Promise<void> {
  const file = await policyFile(path);
  await file.close();
}

class ShopRun {
  readonly statistics = new Statistics(WINDOW_MS);
  readonly ledger = new Ledger();
  readonly standings = new Map<string, MethodStanding>();
  readonly endpoints = new Map<string, EndpointSnapshot>();
  readonly without: StartOptions['without'];
  readonly events: Events;
  readonly supervisor: Supervisor;
  private readonly options: StartOptions;
  private readonly screen: Screen = openScreen(process.stdout);
  private readonly director: FaultDirector;
  private readonly targets: TargetsFile | undefined;
  private readonly told = new AbortController();

  constructor(options: StartOptions, targets: TargetsFile | undefined) {
    this.options = options;
    this.targets = targets;
    this.without = options.without;
    this.events = new Events((event) => this.screen.say(eventLine(event)));
    this.supervisor = new Supervisor({
      counts: (name, counts) => this.count(name, counts),
      say: (line, tone) => this.events.add(line, tone),
      ready: () => void this.listTargets(this.supervisor.states()),
    });
    const { statistics, supervisor, events } = this;
    this.director = new FaultDirector(
      supervisor,
      () => statistics.overall().report.struck.failed,
      (line, tone) => events.add(line, tone),
    );
  }

  async run(): Promise<number> {
    const { durationMs } = this.options;
    const { screen, statistics, supervisor, told } = this;
    endWhenTold(told);
    let redraw: NodeJS.Timeout | undefined;
    let leftEarly = false;
    try {
      leftEarly = (await orTold(openShop(supervisor, this.arguments()), told.signal)) === 'told';
      if (leftEarly) return 0;
      await this.listTargets(supervisor.states());
      statistics.begin();
      this.events.begin();
      if (!screen.live) this.introduce();
      redraw = setInterval(() => this.draw(), REDRAW_EVERY_MS);
      await orTold(durationMs === undefined ? this.forever() : this.once(durationMs), told.signal);
    } finally {
      clearInterval(redraw);
      statistics.end();
      // Ends a round of faults that is under way.
      told.abort();
      await supervisor.stop(CLOSING_ORDER);
      await this.listTargets([]);
      screen.close();
    }
    return this.conclude() || durationMs === undefined ? 0 : 1;
  }

  private arguments(): string[] {
    const { policy, without } = this.options;
    return [
      ...(policy === undefined ? [] : ['--policy', policy]),
      ...(without.length === 0 ? [] : ['--without', without.join(',')]),
    ];
  }

  private count(name: string, counts: ChildCounts): void {
    if (counts.kind === 'executed') {
      const again = this.ledger.enter(counts.method, counts.id);
      if (again) this.events.add(`${counts.method} ran twice: ${counts.id}`, 'bad');
      return;
    }
    const { methods, endpoints } = counts.standing;
    this.statistics.add(name, counts.report);
    for (const [method, standing] of methods) this.standings.set(method, standing);
    for (const [address, endpoint] of endpoints) this.endpoints.set(address, endpoint);
  }

  private async listTargets(states: readonly ProcessState[]): Promise<void> {
    try {
      await this.targets?.write(states);
    } catch (error) {
      this.events.add(`The list of targets cannot be kept: ${String(error)}`, 'bad');
    }
  }

  private draw(): void {
    this.screen.show(
      (room) => liveView(this, room),
      () => summaryLine(this),
    );
  }

  private introduce(): void {
    const { without, faults, seed } = this.options;
    const off = without.length === 0 ? '' : ` Without ${without.join(', ')}.`;
    const set = faults.length === 0 ? 'No faults.' : `Faults: ${faults.join(', ')}; seed ${seed}.`;
    console.log(
      [welcomeLine(this), ...HEADER, `${set}${off}`, '', ...processLines(this), ''].join('\n'),
    );
  }

  /** One round, and as long as it takes until all are well. */
  private async once(durationMs: number): Promise<void> {
    const random = seededRandom(this.options.seed);
    const round = planRound(this.options.faults, REPLICAS, random, durationMs - REST_MS);
    const over = after(durationMs);
    const late = after(durationMs + PATIENCE_MS);
    const played = this.director.play(round, this.told.signal).then(() => after(REST_MS));
    const well = Promise.all([over, played]).then(() => this.supervisor.allUp());
    await Promise.race([well, late]);
  }

  private async forever(): Promise<void> {
    const random = seededRandom(this.options.seed);
    const { signal } = this.told;
    if (this.options.faults.length === 0) await delay(2 ** 31 - 1, undefined, { signal });
    for (;;) {
      await this.director.play(planRound(this.options.faults, REPLICAS, random), signal);
    }
  }

  /** Prints the final table and what it means; true when all is well. */
  private conclude(): boolean {
    const { statistics, supervisor, standings, ledger, director, screen, events } = this;
    const { seed, faults, durationMs } = this.options;
    const { seconds, report } = statistics.overall();
    const { passed, lines } = judge({
      ...{ seconds, seed, report, standings, ledger },
      // Whoever ends a run early has not seen all of them.
      planned: durationMs === undefined ? [] : faults,
      done: director.done,
      deaths: supervisor.deaths,
    });
    const told = screen.live ? events.latest(20).map(eventLine) : [];
    console.log(
      [
        ...told,
        '',
        ...finalView(this, screen.live ? process.stdout.columns : undefined),
        '',
        ...lines,
      ].join('\n'),
    );
    return passed;
  }
}

/** Aborts at Ctrl-C, at a polite kill, and when there is nobody left to run for. */
function endWhenTold(told: AbortController): void {
  const end = (): void => told.abort();
  // Kept, as npm hands on a Ctrl-C that the terminal has sent here already.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
  // Nobody reads what is printed any more: `npm start | head`.
  process.stdout.on('error', end);
  if (process.env['npm_lifecycle_event'] === undefined) return;
  // npm runs this through a shell, which takes a polite kill for itself and hands nothing on.
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    end();
  }, ORPHAN_CHECK_MS);
  timer.unref();
}

/** Waits for something, but no longer than until the shop is to close. */
async function orTold(work: Promise<void>, signal: AbortSignal): Promise<'done' | 'told'> {
  const told = new Promise<'told'>((resolve) => {
    if (signal.aborted) resolve('told');
    signal.addEventListener('abort', () => resolve('told'), { once: true });
  });
  const done = work.then(
    () => 'done' as const,
    (error: unknown) => {
      // What is under way when the shop closes ends in errors.
      if (signal.aborted) return 'told' as const;
      throw error;
    },
  );
  return Promise.race([done, told]);
}

function after(durationMs: number): Promise<void> {
  return delay(durationMs, undefined, { ref: false });
}
