/**
 * inboard: typed gRPC clients and servers whose stacks of interceptors do in the process what a
 * sidecar does beside it. These are the public names; this file alone wires the default transport
 * and runtime.
 */
import { pino } from 'pino';

import { Channel } from './channel/channel.ts';
import type { ChannelOptions } from './client/create-channel.ts';
import { makeChannel } from './client/create-channel.ts';
import type { ClientOptions } from './client/create-client.ts';
import { makeClient } from './client/create-client.ts';
import type { Client } from './client/types.ts';
import type { PolicyFile } from './config/policy-file.ts';
import { openPolicyFile } from './config/policy-file.ts';
import { createAmbientContext } from './core/ambient.ts';
import { createSystemClock } from './core/clock.ts';
import type { ServiceDefinition } from './core/definition.ts';
import type { AdminListener } from './core/admin.ts';
import { checkCallerName } from './core/caller-name.ts';
import { ConfigError } from './core/errors.ts';
import type { Runtime } from './core/runtime.ts';
import type { Telemetry } from './core/telemetry.ts';
import { LiveParts } from './core/telemetry.ts';
import type { ServerOptions } from './server/options.ts';
import { Server } from './server/server.ts';
import type { AccessLogOptions } from './telemetry/access-log/access-log.ts';
import { accessLog } from './telemetry/access-log/access-log.ts';
import { Admin } from './telemetry/admin/admin.ts';
import type { MetricsOptions } from './telemetry/metrics/metrics.ts';
import { Metrics } from './telemetry/metrics/metrics.ts';
import type { TracingOptions } from './telemetry/tracing/tracing.ts';
import { openTelemetryTracing } from './telemetry/tracing/tracing.ts';
import { grpcJsTransport } from './transports/grpc-js/index.ts';

/** One for the process: calls find the call that is being handled, whatever runtime made them. */
const ambient = createAmbientContext();

/** What of a runtime is not the usual. */
export interface RuntimeOptions extends Partial<Runtime> {
  /** Counts and times of calls, for `/metrics` and the console. Default on. */
  readonly metrics?: MetricsOptions | false;
  /** Spans through the OpenTelemetry API: nothing unless an SDK is registered. Default on. */
  readonly tracing?: TracingOptions | false;
  /** One line a call in the log. Default off. */
  readonly accessLog?: AccessLogOptions | boolean;
  /** What else watches calls, inside of these. Default nothing. */
  readonly watchers?: readonly Telemetry[];
  /** In place of all these, as where a runtime is made from another one. */
  readonly telemetry?: readonly Telemetry[];
}

/**
 * A runtime of the process's own clock, randomness, log and telemetry; parts may be replaced. Throws
 * a `ConfigError` where `telemetry` is given and what it stands in place of, and for a `service`
 * that no server would take.
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { metrics, tracing, accessLog: log, watchers, telemetry, ...replaced } = options;
  if (replaced.service !== undefined) checkCallerName('service', replaced.service);
  const parts = replaced.parts ?? new LiveParts();
  const watching = { metrics, tracing, accessLog: log, watchers };
  return {
    clock: createSystemClock(),
    random: Math.random,
    logger: pino({ name: 'inboard' }, pino.destination({ dest: 2, sync: true })),
    ambient,
    ...replaced,
    parts,
    telemetry: telemetry === undefined ? watch(watching, parts) : instead(telemetry, watching),
  };
}

type Watching = {
  readonly [K in 'metrics' | 'tracing' | 'accessLog' | 'watchers']: RuntimeOptions[K] | undefined;
};

function watch(options: Watching, parts: LiveParts): Telemetry[] {
  const { metrics = {}, tracing = {}, accessLog: log = false, watchers = [] } = options;
  return [
    ...(metrics === false ? [] : [new Metrics(metrics).follow(parts)]),
    ...(tracing === false ? [] : [openTelemetryTracing(tracing)]),
    ...(log === false ? [] : [accessLog(log === true ? {} : log)]),
    ...watchers,
  ];
}

function instead(telemetry: readonly Telemetry[], options: Watching): readonly Telemetry[] {
  const given = Object.entries(options).find(([, value]) => value !== undefined)?.[0];
  if (given === undefined) return telemetry;
  throw new ConfigError(
    `createRuntime() takes either 'telemetry', which is all that watches, or '${given}'`,
  );
}

const defaults = { transport: grpcJsTransport(), runtime: createRuntime() };

/** Makes a server; `add` services to it and `listen`. */
export function createServer(options: ServerOptions = {}): Server {
  const admin = (server: Server, runtime: Runtime): AdminListener =>
    new Admin({ runtime, metrics: metricsOf(runtime), server });
  return new Server(options, { ...defaults, admin });
}

/**
 * Metrics, probes and a console over HTTP for a process that has no server; a server has its own:
 * `server.admin`.
 */
export function createAdmin(options: { readonly runtime?: Runtime } = {}): AdminListener {
  const { runtime = defaults.runtime } = options;
  return new Admin({ runtime, metrics: metricsOf(runtime) });
}

/** The metrics that a runtime keeps, to add to them or to serve them; undefined where it keeps none. */
export function metricsOf(runtime: Runtime = defaults.runtime): Metrics | undefined {
  return runtime.telemetry.find((one) => one instanceof Metrics);
}

/**
 * Makes a channel that clients of several services may share.
 * Targets: `dns:///host:port`, `static:///a:1,b:2`, `unix:/path`.
 */
export function createChannel(target: string, options: ChannelOptions = {}): Channel {
  return makeChannel(target, options, defaults);
}

/**
 * Makes a typed client of a service over a target. It owns its channel: `await using` ends both.
 */
export function createClient<D extends ServiceDefinition>(
  definition: D,
  target: string,
  options?: ClientOptions<NoInfer<D>> & ChannelOptions,
): Client<D>;
/** Makes a typed client over a channel that is shared; what concerns the channel, it was told. */
export function createClient<D extends ServiceDefinition>(
  definition: D,
  channel: Channel,
  options?: ClientOptions<NoInfer<D>>,
): Client<D>;
export function createClient<D extends ServiceDefinition>(
  definition: D,
  target: string | Channel,
  options: ClientOptions<NoInfer<D>> & ChannelOptions = {},
): Client<D> {
  if (target instanceof Channel) return makeClient(definition, target, options, false);
  return makeClient(definition, makeChannel(target, options, defaults), options, true);
}

/**
 * Reads a policy file (YAML, JSON or a gRPC service config) and watches it, for the `policy` option
 * of clients and channels. Rejects with a `PolicyError` that names file, line and key where it is
 * not valid, and with a `ConfigError` where it cannot be read. A change that is not valid is logged
 * and refused: the last good policy stays in force.
 */
export function policyFile(
  path: string,
  options: { readonly runtime?: Runtime } = {},
): Promise<PolicyFile> {
  return openPolicyFile(path, options.runtime ?? defaults.runtime);
}

/** Runs work that outlives the call being handled: it inherits neither deadline nor cancellation. */
export function detached<T>(body: () => T): T {
  return ambient.detached(body);
}

export { ClientError, Metadata, ServerError, Status } from 'nice-grpc-common';
export type {
  Balancer,
  BalancerEndpoint,
  BalancerFactory,
  EndpointState,
} from './channel/balancer.ts';
export type { ChannelSnapshot, EndpointSnapshot } from './channel/channel-snapshot.ts';
export { Channel } from './channel/channel.ts';
export type { Resolver, ResolverFactory, ResolverListener } from './channel/resolver.ts';
export type { ResolvedEndpoint, Target } from './channel/target.ts';
export { parseEndpoint } from './channel/target.ts';
export type { ClientInterceptors } from './client/client-stack.ts';
export { clientStack } from './client/client-stack.ts';
export type { CircuitChange } from './client/circuit-history.ts';
export type { MethodSnapshot } from './client/client-snapshot.ts';
export { clientSnapshot } from './client/client-snapshot.ts';
export type { ChannelOptions } from './client/create-channel.ts';
export type { ClientOptions } from './client/create-client.ts';
export type { CallOptions, Client, ClientMethod, MethodOptions } from './client/types.ts';
export type { ResolvedMethodPolicy } from './config/effective-policy.ts';
export type { PolicyOrigin } from './config/merge.ts';
export type { PolicyProblem } from './config/policy-error.ts';
export { PolicyError } from './config/policy-error.ts';
export type { PolicyFile } from './config/policy-file.ts';
export type { PolicySource } from './config/policy-source.ts';
export type { EndListener, MessageTap } from './core/call.ts';
export type { AdminBound, AdminListener, AdminOptions } from './core/admin.ts';
export { Call } from './core/call.ts';
export type { CallKey } from './core/call-key.ts';
export { callKey } from './core/call-key.ts';
export { AttemptCall } from './core/attempt-call.ts';
export { ClientCall } from './core/client-call.ts';
export type { Criticality } from './core/criticality.ts';
export type { Clock, Timer } from './core/clock.ts';
export type {
  CallCredentials,
  CallCredentialsContext,
  ChannelCredentials,
  Pem,
  ServerCredentials,
  TlsMaterial,
  TlsSource,
} from './core/credentials.ts';
export { insecure, serverTls, tls } from './core/credentials.ts';
export type { MethodDefinition, ServiceDefinition } from './core/definition.ts';
export type { FieldDeprecation, MethodDeprecation } from './core/deprecation.ts';
export type { Rejection } from './core/errors.ts';
export {
  CircuitOpenError,
  ConfigError,
  ListenError,
  RejectedError,
  RpcError,
} from './core/errors.ts';
export type { Identity } from './core/identity.ts';
export type { Handler, Interceptor } from './core/interceptor.ts';
export type { Method, Payload, Shape } from './core/method.ts';
export type { CallRuntime, Logger } from './core/call-runtime.ts';
export type { Runtime } from './core/runtime.ts';
export type { LiveParts, Telemetry, TraceIds } from './core/telemetry.ts';
export { TRACE } from './core/telemetry.ts';
export { ServerCall, StatusError } from './core/server-call.ts';
export type { CallStatus, Processed } from './core/status.ts';
export type {
  ConnectionLimits,
  FloodLimits,
  Limits,
  Peer,
  Transport,
} from './core/transport.ts';
export type { ErrorDetail, ErrorDetailInput } from './errors/error-details.ts';
export { errorDetails, findErrorDetail, RichServerError } from './errors/error-details.ts';
export type { Authenticator } from './interceptors/authentication.ts';
export type { AccessRule, AccessRules } from './interceptors/authorization.ts';
export type { Violation } from './interceptors/validation.ts';
export type { Fallback } from './interceptors/fallback.ts';
export type { BreakerSnapshot, BreakerState } from './policies/breaker.ts';
export type { FailureClassifier, Outcome } from './policies/failure.ts';
export { isFailure } from './policies/failure.ts';
export type {
  BalancerName,
  BreakerPolicy,
  BulkheadPolicy,
  ChannelPolicy,
  EjectionPolicy,
  FaultPolicy,
  HedgePolicy,
  MethodPolicy,
  PolicyDocument,
  RateLimitPolicy,
  RetryBudgetPolicy,
  RetryPolicy,
  SlowStartPolicy,
  StatusName,
  ThrottlePolicy,
} from './policies/policy.ts';
export type { AttemptCounters } from './policies/retry-rules.ts';
export type { CallContext } from './server/handler-context.ts';
export { HANDLER_CONTEXT, handlerContext } from './server/handler-context.ts';
export type { HealthRegistry, HealthStatus } from './server/health.ts';
export { HealthDefinition } from './server/health.ts';
export type { ServiceImplementation } from './server/implementation.ts';
export type { ReflectionOptions } from './server/reflection.ts';
export type { Server } from './server/server.ts';
export type { CheckOptions, HealthCheck } from './server/health-check.ts';
export type {
  Bound,
  ServerMethodPolicy,
  ServerOptions,
  ServerRateLimit,
  ServerSnapshot,
  ServiceOptions,
} from './server/options.ts';
export type { DrainOptions } from './server/shutdown.ts';
export { serverStack } from './server/server-stack.ts';
export type { AccessLogOptions } from './telemetry/access-log/access-log.ts';
export { accessLog } from './telemetry/access-log/access-log.ts';
export type { MetricsOptions } from './telemetry/metrics/metrics.ts';
export { Metrics } from './telemetry/metrics/metrics.ts';
export type { OpenTelemetryMetricsOptions } from './telemetry/open-telemetry-metrics/open-telemetry-metrics.ts';
export { openTelemetryMetrics } from './telemetry/open-telemetry-metrics/open-telemetry-metrics.ts';
export type { TracingOptions } from './telemetry/tracing/tracing.ts';
export { openTelemetryTracing } from './telemetry/tracing/tracing.ts';
export { grpcJsTransport } from './transports/grpc-js/index.ts';
