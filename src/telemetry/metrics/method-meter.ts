import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Method } from '../../core/method.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import { TRACE } from '../../core/telemetry.ts';
import { LatencyWindow } from '../../policies/latency-window.ts';
import { SlidingWindow } from '../../policies/sliding-window.ts';
import { CODES, isFailureCode, knownCode } from './codes.ts';
import { Histogram } from './histogram.ts';
import type { RecentCalls, RecordedCall } from './recent-calls.ts';

/** What rates are of, in ms, and the steps in which a window of it forgets. */
export const RATE_MS = 10_000;
const STEP_MS = RATE_MS / 10;

/** How often the bound is worked out above which a call is slow, in ms. */
const SLOW_REFRESH_MS = 1_000;
const SLOW_FACTOR = 4;
const MIN_SLOW_MS = 10;

/** How much is kept of a status text. */
const DETAILS_CHARS = 200;

/** What meters are made with. */
export interface MeterOptions {
  /** Upper bounds of the histogram of durations, in ms. */
  readonly boundsMs: readonly number[];
  readonly clock: Clock;
  readonly recent: RecentCalls;
}

/** Counts the calls of one method on one side of a process. */
export abstract class MethodMeter<C extends Call = Call> {
  abstract readonly side: RecordedCall['side'];
  readonly method: Method;
  /** Calls that began, in all. */
  started = 0;
  /** Calls that ended, in all. */
  ended = 0;
  /** Those of them that failed with a code that is the server's fault. */
  failures = 0;
  /** Calls that ended, in all, indexed by status code. */
  readonly codes: Float64Array = new Float64Array(CODES);
  /** How long calls took until their end, whatever that was. */
  readonly durations: Histogram;
  /** How long calls took lately that succeeded, were answered with an error or ran into a deadline. */
  readonly latency: LatencyWindow;
  protected readonly clock: Clock;
  private readonly recent: RecentCalls;
  private readonly bornMs: number;
  private readonly ends: SlidingWindow;
  private readonly failed: SlidingWindow;
  private slowFromMs = Number.POSITIVE_INFINITY;
  private slowUntilMs: number;
  private requests = 0;
  private responses = 0;
  // Made once and shown the messages of every stream, so that a stream costs no closure.
  private readonly countRequest = (): void => {
    this.requests++;
  };
  private readonly countResponse = (): void => {
    this.responses++;
  };

  constructor(method: Method, options: MeterOptions) {
    const { clock, boundsMs, recent } = options;
    const nowMs = clock.now();
    this.method = method;
    this.clock = clock;
    this.recent = recent;
    this.bornMs = nowMs;
    this.durations = new Histogram(boundsMs);
    this.latency = new LatencyWindow(clock);
    this.ends = new SlidingWindow(RATE_MS, nowMs);
    this.failed = new SlidingWindow(RATE_MS, nowMs);
    this.slowUntilMs = method.responseStream ? Number.POSITIVE_INFINITY : nowMs;
  }

  /** Calls that have begun and not ended. */
  get inFlight(): number {
    return this.started - this.ended;
  }

  /** Request messages: what a unary call has is known without looking (as go-grpc-prometheus). */
  get requestMessages(): number {
    return this.method.shape === 'unary' ? this.started : this.requests;
  }

  /** Response messages; of unary calls, those that succeeded. */
  get responseMessages(): number {
    return this.method.shape === 'unary' ? (this.codes[Status.OK] ?? 0) : this.responses;
  }

  /** Calls that ended, a second, over the last 10 s. */
  rate(nowMs: number): number {
    return (this.ends.sum(nowMs) * 1000) / this.coveredMs(nowMs);
  }

  /** Share of the calls of the last 10 s that did not fail; undefined where there were none. */
  success(nowMs: number): number | undefined {
    const ends = this.ends.sum(nowMs);
    return ends === 0 ? undefined : 1 - this.failed.sum(nowMs) / ends;
  }

  /** Counts a call from now until its end. */
  begin(call: C): void {
    const startMs = this.clock.now();
    this.started++;
    if (this.method.shape !== 'unary') {
      call.onRequestMessage(this.countRequest);
      call.onResponseMessage(this.countResponse);
    }
    call.onEnd((status) => this.end(call, status, startMs));
  }

  /** How many ms the windows look back: their last step has only just begun. */
  protected coveredMs(nowMs: number): number {
    const ageMs = nowMs - this.bornMs;
    return Math.max(STEP_MS, Math.min(ageMs, RATE_MS - STEP_MS + (ageMs % STEP_MS)));
  }

  /** What only one side counts, at the end of each call. */
  protected abstract tally(call: C, status: CallStatus, startMs: number, nowMs: number): void;

  /** Where a call went or came from. */
  protected abstract peerOf(call: C): string | undefined;

  protected abstract attemptsOf(call: C): number;

  /** What of this process refused it, if anything did. */
  protected abstract refusedBy(call: C, status: CallStatus): string | undefined;

  private end(call: C, status: CallStatus, startMs: number): void {
    const nowMs = this.clock.now();
    const durationMs = nowMs - startMs;
    const code = knownCode(status.code);
    const failed = code !== Status.OK && isFailureCode(code);
    // By what was before: this call must not hide behind its own time.
    if (nowMs >= this.slowUntilMs) this.refreshSlow(nowMs);
    this.ended++;
    this.codes[code] = (this.codes[code] as number) + 1;
    this.durations.observe(durationMs);
    this.ends.add(1, nowMs);
    this.tally(call, status, startMs, nowMs);
    // What was refused or cut short tells nothing of how long the method takes.
    const told = failed ? code === Status.DEADLINE_EXCEEDED : code !== Status.CANCELLED;
    if (told) this.latency.record(durationMs, nowMs);
    const slow = durationMs > this.slowFromMs;
    if (!slow && !failed) return;
    const record = this.record(call, { ...status, code }, durationMs, nowMs);
    if (slow) this.recent.addSlow(record);
    if (!failed) return;
    this.failures++;
    this.failed.add(1, nowMs);
    this.recent.addFailed(record);
  }

  /** While there are few recent calls, all that there ever were stand in for them. */
  private refreshSlow(nowMs: number): void {
    if (this.ended === 0) return;
    const usualMs = this.latency.quantile(0.5, nowMs) ?? this.durations.sumMs / this.ended;
    this.slowFromMs = Math.max(MIN_SLOW_MS, SLOW_FACTOR * usualMs);
    this.slowUntilMs = nowMs + SLOW_REFRESH_MS;
  }

  private record(call: C, status: CallStatus, durationMs: number, atMs: number): RecordedCall {
    const { side, method } = this;
    return {
      side,
      method,
      atMs,
      durationMs,
      code: status.code,
      details: status.details.slice(0, DETAILS_CHARS),
      attempts: this.attemptsOf(call),
      peer: this.peerOf(call),
      traceId: call.get(TRACE)?.traceId,
      refusedBy: this.refusedBy(call, status),
    };
  }
}
