import type { HealthCheckResponse } from '../../generated/grpc/health/v1/health.ts';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { ClientCall } from '../core/client-call.ts';
import type { Timer } from '../core/clock.ts';
import { methodsOf } from '../core/definition.ts';
import { statusOfError } from '../core/errors.ts';
import type { Method, Payload } from '../core/method.ts';
import type { CallRuntime } from '../core/call-runtime.ts';
import type { CallStatus } from '../core/status.ts';
import { OK, Status } from '../core/status.ts';
import { DIAL_BACKOFF, backoffMs } from '../policies/backoff.ts';

/** What an endpoint says of itself. */
export type Health =
  /** It has not said anything yet, or is being asked again. */
  | 'unknown'
  | 'serving'
  | 'not_serving'
  /** It has no health service: taken for serving (A17). */
  | 'unimplemented';

export interface HealthWatchOptions {
  /** The service asked for; empty for the server as a whole. */
  readonly service: string;
  readonly runtime: CallRuntime;
  /** Sends a call over the connection that is watched. */
  readonly invoke: (call: ClientCall) => Promise<Payload>;
  /** Told of each change, and why where it is for the worse. */
  readonly changed: (health: Health, why: string | undefined) => void;
}

const WATCH = methodsOf(HealthDefinition).find(({ key }) => key === 'watch') as Method;

/**
 * Watches the health of one connection's server by one `grpc.health.v1.Health.Watch` (A17). A watch
 * that breaks is begun again, at once where it had said something and with backoff else. It must
 * be stopped when the server takes no more calls, or the server's graceful stop would wait for it.
 */
export class HealthWatch {
  health: Health = 'unknown';
  private readonly options: HealthWatchOptions;
  private call: ClientCall | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private failures = 0;
  private stopped = false;

  constructor(options: HealthWatchOptions) {
    this.options = options;
    void this.watch();
  }

  /** Ends the watch on the wire and tells nothing more. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.timer?.clear();
    this.call?.cancel({ code: Status.CANCELLED, details: 'The health watch is over' });
  }

  private async watch(): Promise<void> {
    const { service, runtime, invoke } = this.options;
    const call = new ClientCall(WATCH, runtime, { service });
    this.call = call;
    let heard = false;
    let status = OK;
    try {
      const answers = (await invoke(call)) as AsyncIterable<HealthCheckResponse>;
      for await (const answer of answers) {
        if (this.stopped) break;
        heard = true;
        this.failures = 0;
        this.tell(answer.status === Serving.SERVING ? 'serving' : 'not_serving', service);
      }
    } catch (error) {
      status = statusOfError(error);
    }
    call.end(status);
    if (!this.stopped) this.broke(status, heard);
  }

  private broke(status: CallStatus, heard: boolean): void {
    const { runtime } = this.options;
    if (status.code === Status.UNIMPLEMENTED) {
      this.tell('unimplemented');
      return;
    }
    if (heard) {
      this.tell('unknown');
      void this.watch();
      return;
    }
    const why = `its health watch failed: ${Status[status.code]} ${status.details}`.trim();
    this.become('not_serving', why);
    const delayMs = backoffMs(DIAL_BACKOFF, this.failures, runtime.random);
    this.failures++;
    this.timer = runtime.clock.setTimer(runtime.clock.now() + delayMs, () => void this.watch());
  }

  private tell(health: Health, service: string = ''): void {
    const what = service === '' ? 'it' : service;
    this.become(health, health === 'not_serving' ? `${what} is not serving` : undefined);
  }

  private become(health: Health, why: string | undefined): void {
    if (this.health === health) return;
    this.health = health;
    this.options.changed(health, why);
  }
}
