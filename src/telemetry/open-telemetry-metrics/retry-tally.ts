import type { Attributes } from '@opentelemetry/api';

import type { CallKey } from '../../core/call-key.ts';
import { callKey } from '../../core/call-key.ts';
import type { ClientCall } from '../../core/client-call.ts';
import type { RetryInstruments } from './instruments.ts';

/** The tally of a call, for its attempts to find. */
export const TALLY: CallKey<RetryTally | undefined> = callKey<RetryTally | undefined>(
  'retry-tally',
  undefined,
);

/** What became of a call's further attempts, by the words of A96. */
export class RetryTally {
  private retries = 0;
  private transparent = 0;
  private hedges = 0;
  private delayMs = 0;
  private open = 0;
  private made = 0;
  private idleSinceMs = 0;

  begin(attempt: ClientCall, nowMs: number): void {
    if (this.made > 0) this.count(attempt, nowMs);
    this.made++;
    this.open++;
  }

  end(nowMs: number): void {
    this.open--;
    this.idleSinceMs = nowMs;
  }

  /** At the end of the call. What did not happen is not recorded. */
  record(instruments: RetryInstruments, attributes: Attributes): void {
    const { retries, transparentRetries, hedges, delay } = instruments;
    if (this.retries > 0) retries.record(this.retries, attributes);
    if (this.transparent > 0) transparentRetries.record(this.transparent, attributes);
    if (this.hedges > 0) hedges.record(this.hedges, attributes);
    if (this.delayMs > 0) delay.record(this.delayMs / 1_000, attributes);
  }

  private count(attempt: ClientCall, nowMs: number): void {
    if (this.open === 0) this.delayMs += nowMs - this.idleSinceMs;
    if (attempt.attempt - previousAttempts(attempt) > this.transparent) this.transparent++;
    else if (this.open > 0) this.hedges++;
    else this.retries++;
  }
}

/** The server is told of earlier attempts, but not of transparent ones: the difference is those. */
function previousAttempts(attempt: ClientCall): number {
  if (!attempt.hasHeaders) return 0;
  return Number(attempt.headers.get('grpc-previous-rpc-attempts') ?? 0);
}
