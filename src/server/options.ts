import type { ServiceDefinition } from '../core/definition.ts';
import type { Runtime } from '../core/runtime.ts';
import type { ConnectionLimits, FloodLimits, Limits, Transport } from '../core/transport.ts';
import type { Authenticator } from '../interceptors/authentication.ts';
import type { AccessRules } from '../interceptors/authorization.ts';
import type { Violation } from '../interceptors/validation.ts';
import type { BulkheadPolicy, FaultPolicy, RateLimitPolicy } from '../policies/policy.ts';
import type { HealthStatus } from './health.ts';
import type { ReflectionOptions } from './reflection.ts';
import type { ServerInterceptors } from './server-stack.ts';
import type { DrainOptions } from './shutdown.ts';

/** What a server is told where it is made. */
export interface ServerOptions {
  /** Who may be calling; asked in turn. Without any, calls are anonymous. */
  readonly authenticate?: Authenticator | readonly Authenticator[];
  /** Who may call what. Once given, a method that no rule names is refused. */
  readonly authorize?: AccessRules;
  /** Request metadata that calls made in a handler repeat. Default none. */
  readonly propagate?: readonly string[];
  readonly interceptors?: ServerInterceptors;
  /** Longest inbound deadline, in ms. Default one hour. */
  readonly maxTimeoutMs?: number;
  readonly limits?: Partial<Limits>;
  /** Concurrent streams a connection may open. Default 256. */
  readonly maxConcurrentStreams?: number;
  /** TLS handshake and HTTP/2 preface, in ms. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** Age, idleness and number of connections. */
  readonly connections?: Partial<ConnectionLimits>;
  /** What a peer may waste before its connection is ended. */
  readonly floods?: Partial<FloodLimits>;
  /**
   * Calls of all methods that run at a time; more are refused with RESOURCE_EXHAUSTED and a time to
   * come back. Calls that say `sheddable` are let in up to three quarters of it, `critical` ones up
   * to a tenth beyond it; whoever calls may say either, so that what comes from outside is best
   * told by a proxy that takes `x-inboard-criticality` out. A stream counts for as long as it is open; health is exempt. Default no
   * bound.
   */
  readonly concurrency?: number;
  /**
   * Calls that each caller may make: by its identity, and where it has none by the address it
   * calls from. Health is exempt. Default no bound.
   */
  readonly rateLimit?: ServerRateLimit;
  /** By `package.Service/Method`, or `package.Service` for each of its methods. */
  readonly methods?: Readonly<Record<string, ServerMethodPolicy>>;
  /** How `shutdown` and signals drain the server where nothing else is said. */
  readonly drain?: DrainOptions;
  /**
   * Signals that drain the server and then end the process, with 0; a second one forces it:
   * `['SIGTERM', 'SIGINT']`. Handled while the server listens. Default none.
   */
  readonly signals?: readonly NodeJS.Signals[];
  /** Serve `grpc.health.v1.Health`. Default true. */
  readonly health?: boolean;
  /** Serve reflection: on loopback listeners, elsewhere only where it says so. Default off. */
  readonly reflection?: ReflectionOptions;
  /** `'bare'` leaves the whole default stack away: for measuring. Default `'default'`. */
  readonly stack?: 'default' | 'bare';
  readonly transport?: Transport;
  readonly runtime?: Runtime;
}

/** How many calls a caller may make. */
export type ServerRateLimit = Pick<RateLimitPolicy, 'perSecond'> & Partial<RateLimitPolicy>;

/** What a server does for the calls of one method. */
export interface ServerMethodPolicy {
  /** How many calls run at a time; more than its queue holds are shed. Default no bound. */
  readonly bulkhead?: Pick<BulkheadPolicy, 'limit'> & Partial<BulkheadPolicy>;
  /** Injected on purpose, to see what clients make of them. Default none. */
  readonly faults?: readonly FaultPolicy[];
}

/** What a service is told where it is added. */
export interface ServiceOptions<D extends ServiceDefinition> {
  /** Looks at each request message before the handler does. */
  readonly validate?: {
    readonly [K in keyof D['methods']]?: (
      message: ReturnType<D['methods'][K]['requestType']['decode']>,
    ) => readonly Violation[];
  };
}

/** An open address. */
export interface Bound {
  /** The port, 0 for a unix socket. */
  readonly port: number;
  /** `host:port` or `unix:PATH`, as a target can use it. */
  readonly address: string;
}

/** What a server does at the moment. */
export interface ServerSnapshot {
  /** True once `shutdown` has begun. */
  readonly draining: boolean;
  /** Calls that are not over, health watches among them. */
  readonly inFlight: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Methods that have a bulkhead, by `package.Service/Method`. */
  readonly bulkheads: Readonly<Record<string, { readonly inUse: number; readonly queued: number }>>;
  /** By service; the empty name is the server as a whole. */
  readonly health: Readonly<Record<string, HealthStatus>>;
}
