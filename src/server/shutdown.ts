import type { Timer } from '../core/clock.ts';
import type { Draining } from '../core/draining.ts';
import { ConfigError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Listener } from '../core/transport.ts';
import type { HealthRegistry } from './health.ts';

/** How a server comes to its end. */
export interface DrainOptions {
  /**
   * How long it goes on serving after health has turned NOT_SERVING, in ms, so that balancers and
   * resolvers learn of it before the first call is turned away. Default 5 000; 0 where nobody
   * watches its health.
   */
  readonly propagationMs?: number;
  /** How long calls in flight may take after that, in ms. Default 30 000. */
  readonly graceMs?: number;
}

export const DEFAULT_DRAIN: Required<DrainOptions> = Object.freeze({
  propagationMs: 5_000,
  graceMs: 30_000,
});

/** What calls end with that were not over in time. They may have been processed. */
const CUT_OFF: CallStatus = Object.freeze({
  code: Status.UNAVAILABLE,
  details: 'The server was shut down before the call was over',
});

/** What of a server comes to an end. */
export interface ShutdownParts {
  readonly runtime: Runtime;
  readonly health: HealthRegistry;
  readonly listeners: ReadonlySet<Listener>;
  readonly draining: Draining;
}

/**
 * The end of a server, in order: health says NOT_SERVING and everything is served on, GOAWAY,
 * PING, GOAWAY with the last call, health watches end, `context.draining` fires, the calls in
 * flight finish, and what is left by then is ended with UNAVAILABLE.
 */
export class Shutdown {
  private readonly parts: ShutdownParts;
  private readonly propagated: Stage;
  private readonly forced: Stage;
  private over: Promise<void> | undefined = undefined;

  constructor(parts: ShutdownParts) {
    this.parts = parts;
    this.propagated = new Stage(parts.runtime);
    this.forced = new Stage(parts.runtime);
  }

  get begun(): boolean {
    return this.over !== undefined;
  }

  /** Begins it, or hurries it: of two calls, the shorter times count. */
  run({ propagationMs, graceMs }: Required<DrainOptions>): Promise<void> {
    checkTime('propagationMs', propagationMs);
    checkTime('graceMs', graceMs);
    this.parts.health.drain();
    this.propagated.notAfter(this.parts.listeners.size === 0 ? 0 : propagationMs);
    this.forced.notAfter(propagationMs + graceMs);
    this.over ??= this.inOrder();
    return this.over;
  }

  private async inOrder(): Promise<void> {
    const { health, listeners, draining } = this.parts;
    const all = [...listeners];
    await this.first(this.propagated.promise);
    if (!this.forced.reached) {
      await this.first(Promise.all(all.map((listener) => listener.sayGoodbye())));
    }
    draining.refusing = true;
    health.end();
    draining.begin();
    if (!this.forced.reached) {
      await this.first(Promise.all(all.map((listener) => listener.closed())));
    }
    if (this.forced.reached) await this.force(all);
    this.propagated.clear();
    this.forced.clear();
  }

  private async force(listeners: readonly Listener[]): Promise<void> {
    this.parts.draining.cancelAll(CUT_OFF);
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  /** Waits for a step, but no longer than until the end is forced. */
  private first(step: Promise<unknown>): Promise<unknown> {
    return Promise.race([step, this.forced.promise]);
  }
}

/** A time that is reached by a timer, and that can only come nearer. */
class Stage {
  readonly promise: Promise<void>;
  reached = false;
  private readonly runtime: Runtime;
  private readonly resolve: () => void;
  private atMs = Number.POSITIVE_INFINITY;
  private timer: Timer | undefined = undefined;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.promise = promise;
    this.resolve = resolve;
  }

  notAfter(ms: number): void {
    const { clock } = this.runtime;
    const atMs = clock.now() + ms;
    if (this.reached || atMs >= this.atMs) return;
    this.atMs = atMs;
    this.timer?.clear();
    if (ms > 0) this.timer = clock.setTimer(atMs, () => this.reach());
    else this.reach();
  }

  clear(): void {
    this.timer?.clear();
  }

  private reach(): void {
    this.reached = true;
    this.resolve();
  }
}

function checkTime(key: string, ms: number): void {
  if (ms >= 0) return;
  throw new ConfigError(`shutdown() ${key} is ${String(ms)}: give ms, 0 or more`);
}
