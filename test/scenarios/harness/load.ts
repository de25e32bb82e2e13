import { seededRandom } from '../../../src/testing/index.ts';
import { type Logger, type Runtime, Status } from '../../../src/index.ts';
import type { Caller, StreamOutcome } from './caller.ts';
import { makeRuntime } from './inboard-server.ts';
import { watchHealth } from './inboard-caller.ts';
import { nowMs } from './monotonic.ts';
import { OpenLoop } from './open-loop.ts';
import type { LoadReport } from './protocol.ts';
import type { CallRecord, StreamRecord } from './records.ts';
import type { ArrivalSpec, LoadSpec } from './specs.ts';

/** How long a stream that ended waits before it is opened again, in ms. */
const REOPEN_MS = 50;

/** Calls that arrive on a schedule, and streams that are held open, over some clients. */
export class Load {
  private readonly callers: () => readonly Caller[];
  private readonly random: () => number;
  private readonly runtime: Runtime;
  private readonly loops: OpenLoop[];
  private readonly ended = new AbortController();
  private readonly calls: CallRecord[] = [];
  private readonly streams: StreamRecord[] = [];
  private readonly running = new Set<Promise<void>>();
  private started = 0;

  /** `callers` is asked anew for each call: they may be replaced meanwhile. */
  constructor(spec: LoadSpec, callers: () => readonly Caller[], logger: Logger) {
    const { seed, arrivals, follow = 0, watchHealth: watched = [] } = spec;
    this.callers = callers;
    this.random = seededRandom(seed);
    this.runtime = makeRuntime('monotonic', logger);
    this.loops = arrivals.map((arrival) => {
      const { perSecond, arrivals: kind = 'poisson' } = arrival;
      const schedule = { now: nowMs, random: this.random, perSecond, arrivals: kind };
      return new OpenLoop(schedule, (dueMs) => this.track(this.run(arrival, dueMs)));
    });
    for (let index = 0; index < follow; index++) {
      this.hold('follow', (onMessage, signal) => {
        return this.pick(index).follow(`follow-${index}`, onMessage, signal);
      });
    }
    for (const address of watched) {
      this.hold('health', (onMessage, signal) => {
        return watchHealth(address, this.runtime, onMessage, signal);
      });
    }
  }

  /** Starts no more, waits for what is running, and tells of all. */
  async stop(): Promise<LoadReport> {
    for (const loop of this.loops) loop.stop();
    this.ended.abort();
    while (this.running.size > 0) await Promise.all(this.running);
    return { calls: this.calls, streams: this.streams };
  }

  private async run(arrival: ArrivalSpec, dueMs: number): Promise<void> {
    const number = this.started++;
    const { method, headers, client, workMs = [] } = arrival;
    const timeoutMs = this.draw(arrival.timeoutMs);
    const outcome = await this.pick(client ?? number).call({
      method,
      id: `${process.pid}-${number}`,
      headers,
      timeoutMs,
      expiresAtMs: nowMs() + (timeoutMs ?? 0),
      workMs: workMs.map((range) => this.draw(range) ?? 0),
    });
    this.calls.push({
      ...outcome,
      method,
      scheduledMs: dueMs,
      latencyMs: nowMs() - dueMs,
      tenant: headers?.['tenant'] ?? '',
    });
  }

  private pick(number: number): Caller {
    const callers = this.callers();
    const caller = callers[number % callers.length];
    if (caller === undefined) throw new Error('no client was opened');
    return caller;
  }

  private draw(range: number | readonly [number, number] | undefined): number | undefined {
    if (range === undefined || typeof range === 'number') return range;
    const [from, to] = range;
    return from + (to - from) * this.random();
  }

  /** Opens a stream again and again until the load ends. */
  private hold(
    kind: StreamRecord['kind'],
    open: (onMessage: () => void, signal: AbortSignal) => Promise<StreamOutcome>,
  ): void {
    const { signal } = this.ended;
    const again = async (): Promise<void> => {
      while (!signal.aborted) {
        const openedMs = nowMs();
        let messages = 0;
        const outcome = await open(() => messages++, signal);
        // What this load has cancelled itself is no news.
        const own = signal.aborted && outcome.code === Status.CANCELLED;
        if (!own) this.streams.push({ kind, openedMs, endedMs: nowMs(), messages, ...outcome });
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
      }
    };
    this.track(again());
  }

  private track(work: Promise<void>): void {
    // A call or a stream that fails is an outcome; whatever else is thrown ends the process.
    const tracked = work.finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }
}
