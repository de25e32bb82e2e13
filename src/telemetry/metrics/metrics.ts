import type { Metric, Registry } from 'prom-client';

import type { Call } from '../../core/call.ts';
import { checkAboveZero, checkWhole } from '../../core/checks.ts';
import type { ClientCall } from '../../core/client-call.ts';
import type { Clock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Interceptor } from '../../core/interceptor.ts';
import type { Method } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import type { LiveParts, Telemetry } from '../../core/telemetry.ts';
import { DeprecatedUses } from '../deprecations/deprecated-uses.ts';
import { channelFamilies } from './channel-families.ts';
import { clientFamilies } from './client-families.ts';
import { ClientMeter } from './client-meter.ts';
import { deprecationFamilies } from './deprecation-families.ts';
import { Family } from './family.ts';
import { FollowedParts } from './followed-parts.ts';
import type { AttemptTotals } from './followed-parts.ts';
import { LabelCache } from './labels.ts';
import { methodFamilies } from './method-families.ts';
import type { MeterOptions, MethodMeter } from './method-meter.ts';
import { RecentCalls } from './recent-calls.ts';
import { ScrapeRegistry } from './scrape-registry.ts';
import { ScrapeTurns } from './scrape-turns.ts';
import { serverFamilies } from './server-families.ts';
import { ServerMeter } from './server-meter.ts';

/** Of `handling_seconds`, as go-grpc-prometheus and every Prometheus client have them. */
const BUCKETS_MS: readonly number[] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** Of the time that is left: what is under 10 ms is as good as nothing. */
const DEADLINE_BUCKETS_MS: readonly number[] = [
  10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

const MAX_TARGETS = 100;
const MAX_ENDPOINTS = 256;
const MAX_CALLERS = 100;

/** What metrics may be told. */
export interface MetricsOptions {
  /** Where the metrics are registered, such as the one of the program's own. Default a new one. */
  readonly registry?: Registry;
  /**
   * Upper bounds of `grpc_server_handling_seconds` and `grpc_client_handling_seconds`, in ms.
   * Default 5, 10, 25, 50, 100, 250, 500, 1 000, 2 500, 5 000 and 10 000 (go-grpc-prometheus).
   */
  readonly bucketsMs?: readonly number[];
  /**
   * Upper bounds of `inboard_server_deadline_remaining_seconds`, in ms. Default 10, 50, 100, 250,
   * 500, 1 000, 2 500, 5 000, 10 000, 30 000 and 60 000.
   */
  readonly deadlineBucketsMs?: readonly number[];
  /** Targets with a label of their own; further ones share `other`. Default 100. */
  readonly maxTargets?: number;
  /** Endpoints of a target that have series of their own; others are left out. Default 256. */
  readonly maxEndpoints?: number;
  /**
   * Callers of a deprecated method or field that have series of their own: the first that come.
   * Further ones share `other`. Default 100.
   */
  readonly maxCallers?: number;
}

/**
 * Counts and times of all calls of a process, under the names of go-grpc-prometheus, and gauges of
 * its channels, circuits and servers, which are read when somebody asks.
 *
 * Labels are bounded: methods by the contracts, targets, endpoints and callers by `MetricsOptions`;
 * calls to methods that nobody registered share one set.
 */
export class Metrics implements Telemetry {
  readonly clientCall: Interceptor<ClientCall>;
  readonly serverCall: Interceptor<ServerCall>;
  /** prom-client's: `registry.metrics()` is the exposition. */
  readonly registry: Registry;
  /** The last calls that were slow or failed, of both sides. */
  readonly recent: RecentCalls = new RecentCalls();
  /** Who uses what the contracts of the servers call deprecated. */
  readonly deprecated: DeprecatedUses;
  private readonly clientMeters = new Map<string, ClientMeter>();
  private readonly serverMeters = new Map<string, ServerMeter>();
  /** By path, of the methods that somebody may call. */
  private readonly called = new Map<string, Method>();
  /** By path, of the methods that a server has. */
  private readonly served = new Map<string, Method>();
  private readonly parts: FollowedParts;
  private readonly boundsMs: readonly number[];
  private readonly deadlineBoundsMs: readonly number[];

  constructor(options: MetricsOptions = {}) {
    const { registry = new ScrapeRegistry(), maxTargets = MAX_TARGETS } = options;
    const { maxEndpoints = MAX_ENDPOINTS, maxCallers = MAX_CALLERS } = options;
    if (typeof registry.registerMetric !== 'function') {
      throw new ConfigError(
        'metrics.registry is no Registry of prom-client: give one, or leave it',
      );
    }
    checkWhole('metrics.maxTargets', maxTargets, 0);
    checkWhole('metrics.maxEndpoints', maxEndpoints, 0);
    checkWhole('metrics.maxCallers', maxCallers, 0);
    this.boundsMs = bounds('bucketsMs', options.bucketsMs ?? BUCKETS_MS);
    const deadlineBucketsMs = options.deadlineBucketsMs ?? DEADLINE_BUCKETS_MS;
    this.deadlineBoundsMs = bounds('deadlineBucketsMs', deadlineBucketsMs);
    this.registry = registry;
    this.parts = new FollowedParts(maxTargets, maxEndpoints);
    this.deprecated = new DeprecatedUses(maxCallers);
    const { served, called } = this;
    this.clientCall = counting(called, (method, clock) => this.clientMeter(method, clock));
    const meters = counting(served, (method, clock) => this.serverMeter(method, clock));
    const uses = this.deprecated.layer;
    this.serverCall = (next, method) => meters(uses(next, method), method);
    this.register(maxEndpoints);
  }

  /** By path, of the methods that were called so far. */
  get clients(): ReadonlyMap<string, ClientMeter> {
    return this.clientMeters;
  }

  /** By path, of the methods that were called so far. */
  get servers(): ReadonlyMap<string, ServerMeter> {
    return this.serverMeters;
  }

  /** Attempts of all clients that there are and were, by path. */
  attemptTotals(): ReadonlyMap<string, AttemptTotals> {
    return this.parts.attemptTotals();
  }

  /** Has gauges of what lives in a runtime: its channels, clients and servers. */
  follow(parts: LiveParts): this {
    this.parts.follow(parts);
    return this;
  }

  private register(maxEndpoints: number): void {
    const { parts, registry } = this;
    const servers = { bound: this.served, meters: this.serverMeters };
    const clients = { bound: this.called, meters: this.clientMeters };
    const turns = new ScrapeTurns();
    const labels = new LabelCache();
    const families = [
      ...methodFamilies(servers, clients, labels),
      ...clientFamilies(parts, labels),
      ...channelFamilies(parts, maxEndpoints),
      ...serverFamilies(parts),
      ...deprecationFamilies(this.deprecated),
    ];
    for (const family of families) {
      if (registry.getSingleMetric(family.name) !== undefined) {
        const why = `The registry has a metric '${family.name}' already`;
        throw new ConfigError(`${why}: give one registry to one runtime, and share the runtime`);
      }
      // A registry asks no more of a metric than this one has; its type names only its own classes.
      registry.registerMetric(new Family(turns, family) as unknown as Metric);
    }
  }

  private clientMeter(method: Method, clock: Clock): ClientMeter {
    return meterOf(this.clientMeters, method, () => {
      return new ClientMeter(method, this.meterOptions(clock));
    });
  }

  private serverMeter(method: Method, clock: Clock): ServerMeter {
    return meterOf(this.serverMeters, method, () => {
      return new ServerMeter(method, this.meterOptions(clock), this.deadlineBoundsMs);
    });
  }

  private meterOptions(clock: Clock): MeterOptions {
    return { clock, boundsMs: this.boundsMs, recent: this.recent };
  }
}

/** The meter is of the path: methods that are bound anew, and by several clients, share it. */
function counting<C extends Call>(
  bound: Map<string, Method>,
  meterFor: (method: Method, clock: Clock) => MethodMeter<C>,
): Interceptor<C> {
  return (next, method) => {
    bound.set(method.path, method);
    let meter: MethodMeter<C> | undefined;
    return (call) => {
      meter ??= meterFor(method, call.runtime.clock);
      meter.begin(call);
      return next(call);
    };
  };
}

function meterOf<M>(meters: Map<string, M>, { path }: Method, make: () => M): M {
  let meter = meters.get(path);
  if (meter === undefined) {
    meter = make();
    meters.set(path, meter);
  }
  return meter;
}

function bounds(name: string, boundsMs: readonly number[]): readonly number[] {
  for (const [index, boundMs] of boundsMs.entries()) {
    checkAboveZero(`metrics.${name}[${index}]`, boundMs);
    const beforeMs = boundsMs[index - 1] ?? 0;
    if (boundMs > beforeMs) continue;
    const details = `${boundMs} comes after ${beforeMs}: give them in rising order`;
    throw new ConfigError(`metrics.${name}: ${details}`);
  }
  return [...boundsMs];
}
