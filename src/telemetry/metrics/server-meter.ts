import type { Method } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import { SHED } from '../../core/telemetry.ts';
import { Histogram } from './histogram.ts';
import type { MeterOptions } from './method-meter.ts';
import { MethodMeter } from './method-meter.ts';

/** Counts the calls of one method that this process serves. */
export class ServerMeter extends MethodMeter<ServerCall> {
  readonly side = 'server';
  /** Calls that the server's own limits refused. */
  shed = 0;
  /** How much time calls had left as they arrived; 0 for those that had none. */
  readonly deadlines: Histogram;

  constructor(method: Method, options: MeterOptions, deadlineBoundsMs: readonly number[]) {
    super(method, options);
    this.deadlines = new Histogram(deadlineBoundsMs);
  }

  protected tally(call: ServerCall, { code }: CallStatus, startMs: number): void {
    // The deadline is set below this layer, right after the call has come: known by now.
    if (call.deadline !== Number.POSITIVE_INFINITY) {
      this.deadlines.observe(call.deadline - startMs);
    } else if (code === Status.DEADLINE_EXCEEDED && call.timeout !== undefined) {
      this.deadlines.observe(0);
    }
    if (code === Status.RESOURCE_EXHAUSTED && call.get(SHED)) this.shed++;
  }

  protected peerOf({ peer }: ServerCall): string | undefined {
    return peer.address;
  }

  protected attemptsOf(): number {
    return 1;
  }

  protected refusedBy(call: ServerCall): string | undefined {
    if (!this.method.known) return 'unknown_method';
    return call.get(SHED) ? 'shed' : undefined;
  }
}
