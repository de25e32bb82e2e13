import { createHook } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';

/** How a leak check looks. */
export interface LeakCheckOptions {
  /** Sockets close in later turns: how long to wait for that, in real ms. Default 2 000. */
  readonly patienceMs?: number;
}

/** Looks for what a piece of code left behind. `await using` looks at the end of its block. */
export interface LeakCheck extends AsyncDisposable {
  /** What is left at this moment, one text for each kind or place. Empty when nothing is. */
  left(): readonly string[];
  /**
   * Waits until nothing is left, and ends the check. Rejects with a `LeakError` when something
   * still is after `patienceMs`. Called again, it gives the same promise.
   */
  settled(): Promise<void>;
}

/** Something that keeps the process alive was left behind. */
export class LeakError extends Error {
  override readonly name = 'LeakError';
  /** What was left, one text for each kind or place. */
  readonly left: readonly string[];

  constructor(left: readonly string[]) {
    super(`Left behind: ${left.join('; ')}`);
    this.left = left;
  }
}

/** What keeps a process alive besides timers, by Node's names, and what a person calls it. */
const WATCHED: Readonly<Record<string, readonly [one: string, more: string]>> = {
  TCPSocketWrap: ['TCP socket', 'TCP sockets'],
  TCPServerWrap: ['TCP server', 'TCP servers'],
  TLSWrap: ['TLS socket', 'TLS sockets'],
  // Servers on unix sockets, too.
  PipeWrap: ['pipe or unix socket', 'pipes or unix sockets'],
  UDPWrap: ['UDP socket', 'UDP sockets'],
  ProcessWrap: ['child process', 'child processes'],
  GetAddrInfoReqWrap: ['name lookup', 'name lookups'],
  FSEventWrap: ['watched file', 'watched files'],
  StatWatcher: ['polled file', 'polled files'],
};

/** Test runners keep timers on tests and hooks. Those of `node:test` are inside Node. */
const RUNNER = /[\\/]node_modules[\\/](?:@?vitest|mocha|jest-[a-z]+)[\\/]/;

/** Frames that say nothing of who set a timer. */
const INSIDE_NODE = /\bnode:|<anonymous>/;

const DEFAULT_PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 5;

/**
 * Remembers what keeps the process alive now; what is there besides when it settles was left
 * behind: sockets, servers, child processes, watched files and pending timers, but for timers
 * that are `unref`ed and those of the test runner. Timers are told with the place that set them.
 *
 * Make it first in a test, so that `await using` ends it last. It sees the whole process: what
 * tests that run at the same time in it open counts too. Worker threads it does not see.
 *
 * ```ts
 * await using _check = leakCheck();
 * await using pair = await testPair(OrdersServiceDefinition, orders);
 * ```
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  return new RunningCheck(options.patienceMs ?? DEFAULT_PATIENCE_MS);
}

/** A timer as Node keeps it. */
interface Timer {
  hasRef(): boolean;
  /** Set at once, where the hook hears of it in a later turn. */
  readonly _destroyed?: boolean;
}

interface PendingTimer {
  readonly timer: Timer;
  readonly place: string;
}

/** On real time: what it waits for happens in the event loop, which no clock of a test moves. */
class RunningCheck implements LeakCheck {
  private readonly patienceMs: number;
  private readonly before = resources();
  private readonly timers = new Map<number, PendingTimer>();
  private readonly hook: { disable(): unknown };
  private verdict: Promise<void> | undefined = undefined;

  constructor(patienceMs: number) {
    this.patienceMs = patienceMs;
    const init = (id: number, type: string, _trigger: number, resource: object): void => {
      if (type !== 'Timeout') return;
      const place = callerOf(init);
      if (place !== undefined) this.timers.set(id, { timer: resource as Timer, place });
    };
    this.hook = createHook({ init, destroy: (id) => this.timers.delete(id) }).enable();
  }

  left(): readonly string[] {
    const left: string[] = [];
    for (const [name, count] of resources()) {
      const more = count - (this.before.get(name) ?? 0);
      if (more > 0) left.push(`${more} ${WATCHED[name]?.[more === 1 ? 0 : 1]}`);
    }
    for (const [place, count] of this.pending()) {
      left.push(`${count} ${count === 1 ? 'timer' : 'timers'} set at ${place}`);
    }
    return left;
  }

  settled(): Promise<void> {
    this.verdict ??= this.settle().finally(() => this.hook.disable());
    return this.verdict;
  }

  /** A check that was settled has told its verdict, and need not do so twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.verdict === undefined) await this.settled();
  }

  private async settle(): Promise<void> {
    const untilMs = performance.now() + this.patienceMs;
    for (;;) {
      const left = this.left();
      if (left.length === 0) return;
      if (performance.now() > untilMs) throw new LeakError(left);
      // Over before anybody looks again.
      await new Promise((resolve) => void setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  /** How many timers are pending, by the place that set them. */
  private pending(): Map<string, number> {
    const places: string[] = [];
    for (const { timer, place } of this.timers.values()) {
      if (timer.hasRef() && timer._destroyed !== true) places.push(place);
    }
    return counted(places);
  }
}

/** How many there are of each kind that is watched. */
function resources(): Map<string, number> {
  return counted(process.getActiveResourcesInfo().filter((name) => Object.hasOwn(WATCHED, name)));
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Who called what led to `hook`; undefined for a test runner. */
function callerOf(hook: (...args: never[]) => void): string | undefined {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, hook);
  const frames = trace.stack?.split('\n').slice(1) ?? [];
  const caller = frames.find((line) => !INSIDE_NODE.test(line));
  if (caller === undefined || RUNNER.test(caller)) return undefined;
  return caller.trim().replace(/^at (?:async )?/, '');
}
