import { AsyncLocalStorage } from 'node:async_hooks';

import { isAsyncIterable } from '../core/async-iterable.ts';
import type { AttemptOwner } from '../core/attempt-call.ts';
import { AttemptCall } from '../core/attempt-call.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Timer } from '../core/clock.ts';
import { RpcError, statusOfError, toRpcError } from '../core/errors.ts';
import type { Handler } from '../core/interceptor.ts';
import { MessageStream } from '../core/message-stream.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { OK, Status } from '../core/status.ts';
import type { ReplayQuota } from '../policies/replay-buffer.ts';
import { ReplayBuffer } from '../policies/replay-buffer.ts';
import type { RetryBudget } from '../policies/retry-budget.ts';
import type { RetryRules } from '../policies/retry-rules.ts';
import { AttemptPlan } from './attempt-plan.ts';
import { FollowedStream } from './followed-stream.ts';

/** How attempts end that another one has overtaken: nobody's failure. */
const LOST: CallStatus = { code: Status.CANCELLED, details: 'Another attempt of the call won' };

/** What all methods of a channel share when they try again. */
export interface SharedRetryState {
  readonly retryBudget: RetryBudget | undefined;
  readonly replayQuota: ReplayQuota;
}

/**
 * One logical call and its attempts. Starts as one attempt; a failed one may be followed by
 * another after a wait, and, where the method is hedged, an open one too. The first attempt that
 * gets response headers, or the response where nobody looks at those, has won: the call is committed
 * to it and the others are cancelled.
 */
export class Attempts implements AttemptOwner {
  private readonly call: ClientCall;
  private readonly next: Handler<ClientCall>;
  private readonly rules: RetryRules;
  private readonly shared: SharedRetryState;
  private readonly plan: AttemptPlan;
  private resolve!: (payload: Payload) => void;
  private reject!: (error: unknown) => void;

  private readonly open: AttemptCall[] = [];
  private winner: AttemptCall | undefined = undefined;
  private settled = false;
  private tried: Set<string> | undefined = undefined;
  private replay: ReplayBuffer | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private lastError: unknown = undefined;
  constructor(
    call: ClientCall,
    next: Handler<ClientCall>,
    rules: RetryRules,
    shared: SharedRetryState,
  ) {
    this.call = call;
    this.next = next;
    this.rules = rules;
    this.shared = shared;
    this.plan = new AttemptPlan(call, rules, shared.retryBudget);
  }

  run(): Promise<Payload> {
    const { call, rules, shared } = this;
    const startMs = call.runtime.clock.now();
    shared.retryBudget?.deposit(startMs);
    rules.counters.calls++;
    if (call.method.requestStream && rules.maxAttempts > 1) this.keepRequest();
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.launch(startMs);
    });
  }

  private keepRequest(): void {
    const { call } = this;
    const { request } = call;
    // What is no stream is refused by whoever reads it.
    if (!isAsyncIterable(request)) return;
    const replay = new ReplayBuffer(request, this.shared.replayQuota);
    this.replay = replay;
    call.onEnd(() => replay.close());
  }

  private launch(startMs: number): void {
    const { call, replay, plan } = this;
    const attempt = new AttemptCall(call, call.request, plan.begin());
    call.attempts = attempt.attempt + 1;
    if (replay !== undefined) {
      attempt.request = replay.open(attempt, () => this.commit(attempt));
    }
    if (plan.made > 1) {
      attempt.headers.set('grpc-previous-rpc-attempts', String(plan.made - 1));
    }
    attempt.avoid = this.tried;
    attempt.owner = this;
    this.open.push(attempt);
    this.send(attempt).then(
      (payload) => this.succeeded(attempt, payload, startMs),
      (error: unknown) => this.failed(attempt, error),
    );
    if (this.rules.hedge !== undefined) this.hedgeLater();
  }

  /** A layer below may throw before it returns a promise. */
  private send(attempt: AttemptCall): Promise<Payload> {
    try {
      return this.next(attempt);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  headersCame(attempt: AttemptCall): void {
    if (this.settled || (this.winner !== undefined && this.winner !== attempt)) return;
    // A6 commits here because headers are shown to the caller. Where nobody looks at those of a
    // single response, a server that dies between them and the status still costs no call.
    if (!this.call.method.responseStream && !this.call.showsResponseHeader) return;
    this.commit(attempt);
    this.call.adoptResponse(attempt);
    this.call.tellResponseHeader();
  }

  /** From here on the call is this attempt. */
  private commit(attempt: AttemptCall): void {
    if (this.winner !== undefined) return;
    this.winner = attempt;
    this.timer?.clear();
    this.replay?.commit(attempt);
    this.cancelOthers(attempt);
  }

  private cancelOthers(winner: AttemptCall | undefined): void {
    if (this.open.length === 0) return;
    for (const other of [...this.open]) if (other !== winner) other.cancel(LOST);
  }

  private succeeded(attempt: AttemptCall, payload: Payload, startMs: number): void {
    const { call, rules } = this;
    if (this.winner !== undefined && this.winner !== attempt) {
      this.close(attempt, attempt.cancelled ?? LOST);
      return;
    }
    this.commit(attempt);
    const nowMs = call.runtime.clock.now();
    // Of a stream it is the time until it began: what a hedge could have cut short.
    rules.latency.record(nowMs - startMs, nowMs);
    if (!call.method.responseStream) {
      this.close(attempt, OK);
      if (this.settle()) this.resolve(payload);
      return;
    }
    const over = (status: CallStatus): void => this.close(attempt, status);
    if (payload instanceof MessageStream) {
      payload.onFinish(over);
      if (this.settle()) this.resolve(payload);
      return;
    }
    const stream = this.follow(attempt, payload, over);
    if (stream !== undefined && this.settle()) this.resolve(stream);
  }

  /** A stream that a layer below has made anew; undefined, and the call failed, where it is none. */
  private follow(
    attempt: AttemptCall,
    payload: Payload,
    over: (status: CallStatus) => void,
  ): FollowedStream | undefined {
    const { path } = this.call.method;
    if (!isAsyncIterable(payload)) {
      const details = 'A layer answered a streaming method with what is no async iterable';
      this.failed(attempt, new RpcError(path, { code: Status.INTERNAL, details }));
      return undefined;
    }
    attempt.onCancel(over);
    return new FollowedStream(payload, over);
  }

  private failed(attempt: AttemptCall, error: unknown): void {
    const status = statusOfError(error);
    this.close(attempt, status);
    if (this.settled || (this.winner !== undefined && this.winner !== attempt)) return;
    this.lastError = error;
    this.remember(attempt);
    const next = this.mayGoOn()
      ? this.plan.after(attempt, error, status, this.open.length > 0)
      : 'nothing';
    if (next === 'nothing') this.fail(error);
    else if (next !== 'others') this.again(next);
  }

  /** The request can be sent once more, and somebody waits for it. */
  private mayGoOn(): boolean {
    const { call, replay, winner } = this;
    if (winner !== undefined || call.cancelled !== undefined) return false;
    return replay === undefined ? !call.method.requestStream : replay.replayable;
  }

  private again(waitMs: number): void {
    this.timer?.clear();
    if (waitMs <= 0) {
      this.relaunch();
      return;
    }
    this.plan.due = true;
    this.later(waitMs, () => {
      this.plan.due = false;
      this.relaunch();
    });
    this.call.onCancel((status) => this.giveUp(status));
  }

  /** In the caller's context, which timers do not keep: layers of users look for theirs. */
  private later(waitMs: number, body: () => void): void {
    const { clock } = this.call.runtime;
    const inContext = AsyncLocalStorage.snapshot();
    this.timer = clock.setTimer(clock.now() + waitMs, () => inContext(body));
  }

  private relaunch(): void {
    if (this.settled || this.winner !== undefined) return;
    this.launch(this.call.runtime.clock.now());
  }

  /** The call is over while it waited: its caller learns what it waited for. */
  private giveUp(status: CallStatus): void {
    if (this.settled || this.open.length > 0) return;
    const { path } = this.call.method;
    const last = toRpcError(path, this.lastError);
    const details = `${status.details}; the last of ${this.plan.made} attempts: ${last.message}`;
    this.fail(new RpcError(path, { ...status, details, cause: last }));
  }

  private hedgeLater(): void {
    const delayMs = this.plan.hedgeDelayMs();
    if (delayMs === undefined) return;
    this.timer?.clear();
    this.later(delayMs, () => this.hedge());
  }

  private hedge(): void {
    if (this.settled || !this.mayGoOn() || !this.plan.hedge()) return;
    for (const attempt of this.open) this.remember(attempt);
    this.relaunch();
  }

  private remember({ endpoint }: AttemptCall): void {
    if (endpoint === undefined) return;
    // A new set each time: attempts under way keep theirs.
    this.tried = new Set(this.tried).add(endpoint);
  }

  private fail(error: unknown): void {
    if (this.settle()) this.reject(error);
    this.cancelOthers(undefined);
  }

  /** True once. */
  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.timer?.clear();
    return true;
  }

  private close(attempt: AttemptCall, status: CallStatus): void {
    const at = this.open.indexOf(attempt);
    if (at === -1) return;
    this.open.splice(at, 1);
    // The winner's headers and trailers are the call's, and so are those of a failure.
    const last = this.winner === undefined && !this.settled;
    if (last || this.winner === attempt) {
      this.call.adoptResponse(attempt);
      this.call.endpoint = attempt.endpoint;
    }
    attempt.end(status);
  }
}
