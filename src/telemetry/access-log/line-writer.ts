import type { Call } from '../../core/call.ts';
import type { CallRuntime, Logger } from '../../core/call-runtime.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { AccessLogSettings } from './access-log-options.ts';
import type { Describe, Level } from './call-line.ts';
import { levelOf } from './call-line.ts';
import { LineQuota } from './line-quota.ts';
import type { MessageCounts } from './message-counts.ts';

/** Decides which calls are logged, and writes their lines. */
export class LineWriter {
  private readonly settings: AccessLogSettings;
  private quota: LineQuota | undefined = undefined;

  constructor(settings: AccessLogSettings) {
    this.settings = settings;
  }

  /** A call is over. */
  over<C extends Call>(
    call: C,
    status: CallStatus,
    startMs: number,
    counts: MessageCounts | undefined,
    describe: Describe<C>,
  ): void {
    const { runtime } = call;
    const { slowMs, metadata } = this.settings;
    const endMs = runtime.clock.now();
    const { quota = new LineQuota(this.settings.errorsPerSecond, runtime.clock) } = this;
    this.quota = quota;
    this.tellSuppressed(quota, runtime, endMs);
    const slow = endMs - startMs >= slowMs;
    const sampled = status.code === Status.OK && this.isSampled(runtime.random);
    if (!sampled) {
      const { code } = status;
      const wanted = slow || code !== Status.OK;
      if (!wanted || !quota.tryTake(call.method, code, endMs)) return;
    }
    const fields = {
      ...describe({ call, status, startMs, endMs }, metadata),
      ...counts?.fields(),
      ...this.standsFor(sampled, slow),
    };
    write(this.loggerOf(runtime), levelOf(status.code), fields, 'call');
  }

  private isSampled(random: () => number): boolean {
    const { sample } = this.settings;
    return sample >= 1 || (sample > 0 && random() < sample);
  }

  private standsFor(sampled: boolean, slow: boolean): { slow?: true; sample?: number } {
    if (slow) return { slow };
    const { sample } = this.settings;
    return sampled && sample < 1 ? { sample } : {};
  }

  private tellSuppressed(quota: LineQuota, runtime: CallRuntime, nowMs: number): void {
    const suppressed = quota.takeSuppressed(nowMs);
    if (suppressed === undefined) return;
    write(this.loggerOf(runtime), 'warn', suppressed, 'calls left out of the access log');
  }

  private loggerOf(runtime: CallRuntime): Logger {
    return this.settings.logger ?? runtime.logger;
  }
}

/** A log that fails must not fail calls, and there is nowhere to say that it does. */
function write(logger: Logger, level: Level, fields: object, message: string): void {
  try {
    logger[level](fields, message);
  } catch {
    // The line is lost.
  }
}
