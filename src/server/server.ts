import { formatAddress } from '../core/address.ts';
import type { AdminListener } from '../core/admin.ts';
import type { ServerCredentials } from '../core/credentials.ts';
import type { ServiceDefinition } from '../core/definition.ts';
import { methodsOf, unknownMethod } from '../core/definition.ts';
import { Draining } from '../core/draining.ts';
import { ConfigError } from '../core/errors.ts';
import type { Handler, Interceptor } from '../core/interceptor.ts';
import { bind } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import { splitPath } from '../core/method.ts';
import type { Runtime } from '../core/runtime.ts';
import { ServerCall, StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';
import type {
  Address,
  Dispatch,
  Limits,
  Listener,
  ServerWire,
  Transport,
} from '../core/transport.ts';
import { Admission } from '../interceptors/admission.ts';
import { RateLimits } from '../interceptors/identity-rate-limit.ts';
import { MAX_INBOUND_TIMEOUT_MS } from '../interceptors/server-context.ts';
import type { Validator } from '../interceptors/validation.ts';
import { checkWhole } from '../core/checks.ts';
import { checkNames } from './check-names.ts';
import { healthService } from './health-service.ts';
import { HealthDefinition, HealthRegistry } from './health.ts';
import type { ServiceImplementation } from './implementation.ts';
import { handlerOf } from './implementation.ts';
import { invalidArgument } from './invalid-argument.ts';
import { isLocal, listenCredentials, parseListenAddress } from './listen-address.ts';
import { callLimits, listenOptions } from './listen-options.ts';
import { MethodPolicies } from './method-policies.ts';
import type { Bound, ServerOptions, ServerSnapshot, ServiceOptions } from './options.ts';
import { readDescriptors, reflectionMethods, reflectionService } from './reflection.ts';
import { serve } from './respond.ts';
import type { NamedServerLayer } from './server-stack.ts';
import { LAYERS_OF_UNKNOWN, serverStack } from './server-stack.ts';
import type { DrainOptions } from './shutdown.ts';
import { DEFAULT_DRAIN, Shutdown } from './shutdown.ts';
import { endOnSignals } from './signals.ts';

/** A method as it is served. */
interface Route {
  readonly method: Method;
  readonly handler: Handler<ServerCall>;
  /** Served on loopback listeners only. */
  readonly localOnly: boolean;
}

/** What a server takes where its options say nothing else. */
export interface ServerDefaults {
  readonly transport: Transport;
  readonly runtime: Runtime;
  /** Makes the listener that a server can be looked into by. */
  readonly admin: (server: Server, runtime: Runtime) => AdminListener;
}

/** A gRPC server: services, the stack around them, and the addresses they are served on. */
export class Server implements AsyncDisposable {
  /** What `grpc.health.v1.Health` answers. */
  readonly health: HealthRegistry;
  /** Metrics, probes and a console over HTTP. It stays up while the server drains, and ends with it. */
  readonly admin: AdminListener;
  private readonly options: ServerOptions;
  private readonly runtime: Runtime;
  private readonly transport: Transport;
  private readonly routes = new Map<string, Route>();
  private readonly validators = new Map<string, Validator>();
  private readonly layers: readonly NamedServerLayer[];
  private readonly unknown: Handler<ServerCall>;
  private readonly unknownMethod = unknownMethod();
  private readonly listeners = new Set<Listener>();
  private readonly policies: MethodPolicies;
  private readonly draining = new Draining();
  private readonly end: Shutdown;
  private reflection: Promise<void> | undefined = undefined;
  private ignoreSignals: (() => void) | undefined = undefined;
  private leave: (() => void) | undefined = undefined;

  constructor(options: ServerOptions, defaults: ServerDefaults) {
    this.options = options;
    this.runtime = options.runtime ?? defaults.runtime;
    this.transport = options.transport ?? defaults.transport;
    this.health = new HealthRegistry(this.runtime);
    this.admin = defaults.admin(this, this.runtime);
    this.policies = new MethodPolicies(options.methods ?? {});
    const { runtime, health, listeners, draining } = this;
    this.end = new Shutdown({ runtime, health, listeners, draining });
    this.layers = this.makeLayers();
    const forUnknown = this.layers.filter(({ name }) => LAYERS_OF_UNKNOWN.has(name));
    this.unknown = bind(flatten(forUnknown), this.unknownMethod, (call) => this.refuse(call));
    if (options.health !== false) this.add(HealthDefinition, healthService(this.health));
  }

  /** Adds a service; throws a `ConfigError` when it is there already or lacks a method. */
  add<D extends ServiceDefinition>(
    definition: D,
    implementation: ServiceImplementation<NoInfer<D>>,
    options: ServiceOptions<NoInfer<D>> = {},
  ): this {
    const validate = (options.validate ?? {}) as Readonly<Record<string, Validator | undefined>>;
    const methods = methodsOf(definition);
    for (const method of methods) {
      const validator = validate[method.key];
      if (validator !== undefined) this.validators.set(method.path, validator);
    }
    this.register(methods, implementation, false);
    this.health.set(definition.fullName, 'SERVING');
    return this;
  }

  /**
   * Opens an address: `127.0.0.1:50051`, `[::1]:0`, `:50051` (every interface) or `unix:/path`.
   * Rejects with a `ListenError` when it cannot be had.
   */
  async listen(
    address: string,
    options: { readonly credentials?: ServerCredentials } = {},
  ): Promise<Bound> {
    this.refuseAfterEnd();
    const wanted = parseListenAddress(address);
    const local = this.transport.local === true || isLocal(wanted);
    const credentials = listenCredentials(wanted, options.credentials, local);
    this.reflection ??= this.addReflection();
    await this.reflection;
    checkNames(this.options, this.methods());
    const listenerOptions = listenOptions(this.options, this.runtime, credentials);
    const listener = await this.transport.listen(wanted, listenerOptions, this.dispatch(local));
    // Shut down meanwhile.
    if (this.end.begun) await listener.close();
    this.refuseAfterEnd();
    this.listeners.add(listener);
    this.leave ??= this.runtime.parts.add(this);
    this.health.start();
    this.handleSignals();
    return bound(listener.address);
  }

  /**
   * Ends the server and fails no call that a client may not send elsewhere: health turns
   * NOT_SERVING while everything is served on for `propagationMs`; then peers are told to go
   * elsewhere, `context.draining` fires, and calls in flight finish for up to `graceMs`; what is
   * left is ended with UNAVAILABLE. Called again while it runs, the shorter times count.
   */
  async shutdown(options: DrainOptions = {}): Promise<void> {
    await this.end.run({ ...DEFAULT_DRAIN, ...this.options.drain, ...options });
    this.listeners.clear();
    this.ignoreSignals?.();
    this.leave?.();
    await this.admin[Symbol.asyncDispose]();
  }

  /** Ends the server at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown({ propagationMs: 0, graceMs: 0 });
  }

  /** What the server does at the moment. */
  snapshot(): ServerSnapshot {
    let connections = 0;
    for (const listener of this.listeners) connections += listener.connections;
    const bulkheads: Record<string, { inUse: number; queued: number }> = {};
    for (const [name, { inUse, queued }] of this.policies.bulkheads) {
      bulkheads[name] = { inUse, queued };
    }
    const { inFlight } = this.draining;
    const health = Object.fromEntries(this.health.entries());
    return { draining: this.end.begun, inFlight, connections, bulkheads, health };
  }

  /** What it takes of one call. */
  get limits(): Limits {
    return callLimits(this.options);
  }

  /** Its reflection is for other machines, too. */
  get reflectsEverywhere(): boolean {
    return this.options.reflection?.everywhere === true;
  }

  /**
   * Handles a call that comes from this process itself: whole stack, no connection. Its wire sees to
   * `limits`.
   */
  accept(wire: ServerWire): void {
    this.dispatch(true)(wire);
  }

  /** The FileDescriptorSet of its reflection; undefined where it has none. */
  async descriptors(): Promise<Uint8Array | undefined> {
    const { reflection } = this.options;
    return reflection && (await readDescriptors(reflection));
  }

  /** What it serves. */
  *methods(): Generator<Method> {
    for (const { method } of this.routes.values()) yield method;
  }

  private refuseAfterEnd(): void {
    if (!this.end.begun) return;
    throw new ConfigError('This server was shut down and cannot listen again: make a new one');
  }

  private handleSignals(): void {
    const { signals = [] } = this.options;
    if (signals.length === 0 || this.ignoreSignals !== undefined) return;
    this.ignoreSignals = endOnSignals(signals, {
      drain: () => this.shutdown(),
      force: () => this.shutdown({ propagationMs: 0, graceMs: 0 }),
    });
  }

  private makeLayers(): readonly NamedServerLayer[] {
    const { interceptors = {}, authenticate = [], stack = 'default' } = this.options;
    if (stack === 'bare') {
      const { outermost = [], beforeHandler = [] } = interceptors;
      return [{ name: 'outermost', layers: [...outermost, ...beforeHandler] }];
    }
    const { concurrency, rateLimit } = this.options;
    if (concurrency !== undefined) checkWhole('concurrency', concurrency, 1);
    return serverStack({
      ...interceptors,
      telemetry: this.runtime.telemetry,
      draining: this.draining,
      admission: concurrency === undefined ? undefined : new Admission(concurrency),
      rateLimits: rateLimit && new RateLimits(rateLimit, this.runtime.clock),
      bulkheadOf: (method) => this.policies.bulkheadOf(method),
      faultsOf: (method) => this.policies.faultsOf(method),
      authenticators: typeof authenticate === 'function' ? [authenticate] : authenticate,
      rules: this.options.authorize,
      maxTimeoutMs: this.options.maxTimeoutMs ?? MAX_INBOUND_TIMEOUT_MS,
      propagate: this.options.propagate ?? [],
      validatorOf: (method) => this.validators.get(method.path),
      refusal: invalidArgument,
    });
  }

  private register(methods: readonly Method[], implementation: object, localOnly: boolean): void {
    const routes = methods.map((method): [string, Route] => {
      if (this.routes.has(method.path)) {
        throw new ConfigError(`${method.service} is added twice to one server`);
      }
      const handler = bind(flatten(this.layers), method, handlerOf(implementation, method));
      return [method.path, { method, handler, localOnly }];
    });
    for (const [path, route] of routes) this.routes.set(path, route);
  }

  private dispatch(local: boolean): Dispatch {
    return (wire) => {
      const route = this.routes.get(wire.path);
      const served = route !== undefined && (local || !route.localOnly);
      const method = served ? route.method : this.unknownMethod;
      const call = new ServerCall(method, this.runtime, wire, this.draining);
      serve(call, wire, served ? route.handler : this.unknown);
    };
  }

  /** What a call gets that no route takes: which half of its path is wrong. */
  private refuse(call: ServerCall): Promise<never> {
    const { service, method: name } = splitPath(call.path);
    const known = [...this.routes.values()].some(({ method }) => method.service === service);
    const details = known
      ? `The service ${service} has no method '${name}'`
      : `The service '${service}' is not served here`;
    return Promise.reject(new StatusError({ code: Status.UNIMPLEMENTED, details }));
  }

  private async addReflection(): Promise<void> {
    const { reflection } = this.options;
    if (reflection === undefined) return;
    const methods = await reflectionMethods();
    if (methods.some(({ path }) => this.routes.has(path))) return;
    const services = new Set([...this.routes.values()].map(({ method }) => method.service));
    const implementation = await reflectionService(reflection, [...services]);
    this.register(methods, implementation, reflection.everywhere !== true);
  }
}

function flatten(layers: readonly NamedServerLayer[]): Interceptor<ServerCall>[] {
  return layers.flatMap((layer) => layer.layers);
}

function bound(address: Address): Bound {
  return { port: address.kind === 'tcp' ? address.port : 0, address: formatAddress(address) };
}
