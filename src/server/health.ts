import { checkPositive } from '../core/checks.ts';
import type { Runtime } from '../core/runtime.ts';
import type { CheckOptions, HealthCheck } from './health-check.ts';
import { CheckRunner } from './health-check.ts';

export { HealthDefinition } from '../../generated/grpc/health/v1/health.ts';

export type HealthStatus = 'SERVING' | 'NOT_SERVING' | 'UNKNOWN';

/** How long a check's result stands before it is asked again, in ms. */
const CHECK_INTERVAL_MS = 5_000;

/** How long a check may take, in ms. */
const CHECK_TIMEOUT_MS = 1_000;

/**
 * What `grpc.health.v1.Health` answers. The empty name stands for the server as a whole; services
 * that are added start as SERVING.
 *
 * A service is what `set` says of it; SERVING only while all its checks pass, too.
 */
export class HealthRegistry {
  private readonly runtime: Runtime;
  private readonly statuses = new Map<string, HealthStatus>([['', 'SERVING']]);
  private readonly checks = new Map<string, Set<CheckRunner>>();
  private readonly watchers = new Set<() => void>();
  private phase: 'new' | 'serving' | 'draining' | 'ended' = 'new';

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** True once watches are to end, for their connections do. */
  get ended(): boolean {
    return this.phase === 'ended';
  }

  get(service: string): HealthStatus | undefined {
    const status = this.statuses.get(service);
    if (status === undefined) return undefined;
    if (this.phase === 'draining' || this.phase === 'ended') return 'NOT_SERVING';
    return status === 'SERVING' && !this.passes(service) ? 'NOT_SERVING' : status;
  }

  set(service: string, status: HealthStatus): void {
    if (this.statuses.get(service) === status) return;
    this.statuses.set(service, status);
    this.tell();
  }

  /** Sets every service, the server itself included. */
  setAll(status: HealthStatus): void {
    for (const service of this.statuses.keys()) this.statuses.set(service, status);
    this.tell();
  }

  /**
   * Asks `check` how the service is for as long as the server listens: SERVING while it resolves
   * to true. False, an error, or no answer within `timeoutMs` (default 1 000) is NOT_SERVING, and
   * so is the time before the first answer: a server takes calls once it knows that it can. The
   * signal tells the check that it took too long; it is not asked again before it has returned.
   *
   * Answers come from the last result, which is renewed each `intervalMs` (default 5 000): however
   * many ask, what the check looks at is asked once. The log tells of each change.
   *
   * Several checks of one service must all pass. The empty name, the server as a whole, has checks
   * of its own and does not depend on those of services. Returns what takes the check back.
   */
  addCheck(service: string, check: HealthCheck, options: CheckOptions = {}): () => void {
    const { intervalMs = CHECK_INTERVAL_MS, timeoutMs = CHECK_TIMEOUT_MS } = options;
    const runner = new CheckRunner(this.runtime, check, {
      service,
      intervalMs: checkPositive('addCheck() intervalMs', intervalMs),
      timeoutMs: checkPositive('addCheck() timeoutMs', timeoutMs),
      changed: () => this.tell(),
    });
    const checks = this.checks.get(service) ?? new Set();
    this.checks.set(service, checks.add(runner));
    if (!this.statuses.has(service)) this.statuses.set(service, 'SERVING');
    if (this.phase === 'serving') runner.start();
    this.tell();
    return () => {
      runner.stop();
      if (checks.delete(runner)) this.tell();
    };
  }

  /** For the server: it listens from now on, and its checks run. */
  start(): void {
    if (this.phase !== 'new') return;
    this.phase = 'serving';
    for (const runner of this.runners()) runner.start();
  }

  /** For the server: it is about to end. Every service is NOT_SERVING for good. */
  drain(): void {
    if (this.phase === 'draining' || this.phase === 'ended') return;
    this.phase = 'draining';
    for (const runner of this.runners()) runner.stop();
    this.tell();
  }

  /** For the server: watches end, for one that stayed open would hold up the drain. */
  end(): void {
    this.drain();
    this.phase = 'ended';
    this.tell();
  }

  *entries(): Generator<[service: string, status: HealthStatus]> {
    for (const service of this.statuses.keys()) {
      yield [service, this.get(service) ?? 'UNKNOWN'];
    }
  }

  /** Calls `listener` when something may have changed; returns what ends that. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  private passes(service: string): boolean {
    const checks = this.checks.get(service);
    if (checks === undefined) return true;
    for (const runner of checks) if (!runner.passes) return false;
    return true;
  }

  private runners(): CheckRunner[] {
    return [...this.checks.values()].flatMap((checks) => [...checks]);
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}
