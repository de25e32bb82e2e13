import { formatAddress } from '../core/address.ts';
import type { ServerCredentials } from '../core/credentials.ts';
import type { ServiceDefinition } from '../core/definition.ts';
import { methodsOf, unknownMethod } from '../core/definition.ts';
import { checkAllPositive, checkPositive } from '../core/checks.ts';
import { ConfigError } from '../core/errors.ts';
import type { Handler, Interceptor } from '../core/interceptor.ts';
import { bind } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { Runtime } from '../core/runtime.ts';
import { ServerCall, StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';
import type { Address, Dispatch, Listener, Transport } from '../core/transport.ts';
import { DEFAULT_LIMITS } from '../core/transport.ts';
import { detailsTrailer } from '../errors/error-details.ts';
import { MAX_INBOUND_TIMEOUT_MS } from '../interceptors/server-context.ts';
import type { Validator, Violation } from '../interceptors/validation.ts';
import { HealthDefinition, HealthRegistry, healthService } from './health.ts';
import type { ServiceImplementation } from './implementation.ts';
import { handlerOf } from './implementation.ts';
import { isLocal, listenCredentials, parseListenAddress } from './listen-address.ts';
import type { Bound, ServerOptions, ServiceOptions } from './options.ts';
import { reflectionMethods, reflectionService } from './reflection.ts';
import { serve } from './respond.ts';
import type { NamedServerLayer } from './server-stack.ts';
import { LAYERS_OF_UNKNOWN, serverStack } from './server-stack.ts';

/** A method as it is served. */
interface Route {
  readonly method: Method;
  readonly handler: Handler<ServerCall>;
  /** Served on loopback listeners only. */
  readonly localOnly: boolean;
}

/** A gRPC server: services, the stack around them, and the addresses they are served on. */
export class Server implements AsyncDisposable {
  /** What `grpc.health.v1.Health` answers. */
  readonly health: HealthRegistry = new HealthRegistry();
  private readonly options: ServerOptions;
  private readonly runtime: Runtime;
  private readonly transport: Transport;
  private readonly routes = new Map<string, Route>();
  private readonly validators = new Map<string, Validator>();
  private readonly layers: readonly NamedServerLayer[];
  private readonly unknown: Handler<ServerCall>;
  private readonly unknownMethod = unknownMethod();
  private readonly listeners = new Set<Listener>();
  /** Drains that are under way. */
  private readonly drains = new Map<Listener, Promise<void>>();
  private reflection: Promise<void> | undefined = undefined;

  constructor(options: ServerOptions, defaults: { transport: Transport; runtime: Runtime }) {
    this.options = options;
    this.runtime = options.runtime ?? defaults.runtime;
    this.transport = options.transport ?? defaults.transport;
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
    if (this.health.ended) {
      throw new ConfigError('This server was shut down and cannot listen again: make a new one');
    }
    const wanted = parseListenAddress(address);
    const local = this.transport.local === true || isLocal(wanted);
    const credentials = listenCredentials(wanted, options.credentials, local);
    this.reflection ??= this.addReflection();
    await this.reflection;
    this.checkRules();
    const { limits, maxConcurrentStreams = 256, handshakeTimeoutMs = 10_000 } = this.options;
    const listener = await this.transport.listen(
      wanted,
      {
        runtime: this.runtime,
        credentials,
        limits: checkAllPositive('limits', { ...DEFAULT_LIMITS, ...limits }),
        maxConcurrentStreams: checkPositive('maxConcurrentStreams', maxConcurrentStreams),
        handshakeTimeoutMs: checkPositive('handshakeTimeoutMs', handshakeTimeoutMs),
      },
      this.dispatch(local),
    );
    this.listeners.add(listener);
    return bound(listener.address);
  }

  /**
   * Ends the server: health turns NOT_SERVING, peers are told to go elsewhere, calls in flight
   * finish for up to `graceMs` (default 30 000), then what is left is ended. Called again while it
   * runs, the shorter grace counts.
   */
  async shutdown(options: { readonly graceMs?: number } = {}): Promise<void> {
    const { graceMs = 30_000 } = options;
    const { clock } = this.runtime;
    const listeners = [...this.listeners];
    const closeAll = (): Promise<void[]> => Promise.all(listeners.map((each) => each.close()));
    this.health.end();
    if (graceMs <= 0) {
      await Promise.all([closeAll(), ...this.drains.values()]);
      this.listeners.clear();
      return;
    }
    const timer = clock.setTimer(clock.now() + graceMs, () => void closeAll());
    await Promise.all(listeners.map((listener) => this.drain(listener)));
    timer.clear();
  }

  /** Ends the server at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown({ graceMs: 0 });
  }

  private drain(listener: Listener): Promise<void> {
    const under = this.drains.get(listener);
    if (under !== undefined) return under;
    const drained = listener.drain().finally(() => {
      this.listeners.delete(listener);
      this.drains.delete(listener);
    });
    this.drains.set(listener, drained);
    return drained;
  }

  private makeLayers(): readonly NamedServerLayer[] {
    const { interceptors = {}, authenticate = [], stack = 'default' } = this.options;
    if (stack === 'bare') {
      const { outermost = [], beforeHandler = [] } = interceptors;
      return [{ name: 'outermost', layers: [...outermost, ...beforeHandler] }];
    }
    return serverStack({
      ...interceptors,
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
      const call = new ServerCall(served ? route.method : this.unknownMethod, this.runtime, wire);
      serve(call, wire, served ? route.handler : this.unknown);
    };
  }

  /** What a call gets that no route takes: which half of its path is wrong. */
  private refuse(call: ServerCall): Promise<never> {
    const [, service = '', name = ''] = call.path.split('/');
    const known = [...this.routes.values()].some(({ method }) => method.service === service);
    const details = known
      ? `The service ${service} has no method '${name}'`
      : `The service '${service}' is not served here`;
    return Promise.reject(new StatusError({ code: Status.UNIMPLEMENTED, details }));
  }

  /** A rule for what is not served is a typing error that would leave the real method open. */
  private checkRules(): void {
    const known = new Set<string>();
    for (const { method } of this.routes.values()) {
      known.add(method.service).add(`${method.service}/${method.name}`);
    }
    const { authorize = {}, authenticate = [] } = this.options;
    const nobodyAuthenticates = typeof authenticate !== 'function' && authenticate.length === 0;
    for (const [key, rule] of Object.entries(authorize)) {
      if (!known.has(key)) {
        throw new ConfigError(`authorize names '${key}', which this server does not serve`);
      }
      if (typeof rule !== 'function' && rule !== 'anyone' && rule !== 'authenticated') {
        const rules = "'anyone', 'authenticated' or a function";
        throw new ConfigError(`authorize says '${String(rule)}' for '${key}': give ${rules}`);
      }
      if (rule === 'authenticated' && nobodyAuthenticates) {
        throw new ConfigError(`authorize asks who calls '${key}', but nobody authenticates`);
      }
    }
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

function invalidArgument(violations: readonly Violation[]) {
  const code = Status.INVALID_ARGUMENT;
  const details = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  const value = { fieldViolations: [...violations] };
  return {
    code,
    details,
    metadata: detailsTrailer(code, details, [{ type: 'BadRequest', value }]),
  };
}
