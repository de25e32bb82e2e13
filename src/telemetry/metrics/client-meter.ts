import type { ClientCall } from '../../core/client-call.ts';
import type { Rejection } from '../../core/errors.ts';
import { RejectedError } from '../../core/errors.ts';
import type { Method } from '../../core/method.ts';
import type { CallStatus } from '../../core/status.ts';
import { SlidingWindow } from '../../policies/sliding-window.ts';
import type { MeterOptions } from './method-meter.ts';
import { MethodMeter, RATE_MS } from './method-meter.ts';

/** Counts the logical calls of one method that this process makes. */
export class ClientMeter extends MethodMeter<ClientCall> {
  readonly side = 'client';
  /** Calls that this process refused to make, by who refused them. */
  readonly rejected: Map<Rejection, number> = new Map();
  private readonly furtherAttempts: SlidingWindow;

  constructor(method: Method, options: MeterOptions) {
    super(method, options);
    this.furtherAttempts = new SlidingWindow(RATE_MS, options.clock.now());
  }

  /** Attempts after the first of their call, a second, over the last 10 s; told as calls end. */
  retryRate(nowMs: number): number {
    return (this.furtherAttempts.sum(nowMs) * 1000) / this.coveredMs(nowMs);
  }

  protected tally(call: ClientCall, { cause }: CallStatus, _startMs: number, nowMs: number): void {
    if (call.attempts > 1) this.furtherAttempts.add(call.attempts - 1, nowMs);
    if (!(cause instanceof RejectedError)) return;
    this.rejected.set(cause.reason, (this.rejected.get(cause.reason) ?? 0) + 1);
  }

  protected peerOf({ endpoint }: ClientCall): string | undefined {
    return endpoint;
  }

  protected attemptsOf({ attempts }: ClientCall): number {
    return attempts;
  }

  protected refusedBy(_call: ClientCall, { cause }: CallStatus): string | undefined {
    return cause instanceof RejectedError ? cause.reason : undefined;
  }
}
