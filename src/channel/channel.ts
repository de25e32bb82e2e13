import { formatAddress } from '../core/address.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { CallCredentials } from '../core/credentials.ts';
import { describe, RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { ConnectOptions, Transport } from '../core/transport.ts';
import type { Balancer } from './balancer.ts';
import type { EndpointHost, EndpointState } from './endpoint.ts';
import { Endpoint } from './endpoint.ts';
import type { Resolver } from './resolver.ts';
import type { ResolvedEndpoint } from './target.ts';

/** A channel counts as in use for this long after a call, in ms. */
const IN_USE_MS = 30_000;

/** What a channel is made of; `createChannel` puts it together. */
export interface ChannelParts {
  readonly target: string;
  readonly resolver: Resolver;
  readonly balancer: Balancer;
  readonly transport: Transport;
  readonly callCredentials: CallCredentials | undefined;
  readonly connectOptions: EndpointHost['connectOptions'];
}

/** What a channel knows of one endpoint. */
export interface EndpointSnapshot {
  readonly address: string;
  readonly state: EndpointState;
  readonly inFlight: number;
  readonly failure: string | undefined;
}

/**
 * The road from calls to endpoints: resolver, balancer and one connection an endpoint. Clients of
 * several services may share one. Connects when the first call comes.
 */
export class Channel implements EndpointHost {
  readonly target: string;
  readonly transport: Transport;
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  private readonly resolver: Resolver;
  private readonly balancer: Balancer;
  private readonly callCredentials: CallCredentials | undefined;
  private endpoints = new Map<string, Endpoint>();
  private readonly waiters = new Set<() => void>();
  private resolution: CallStatus | undefined = undefined;
  private started = false;
  private closed = false;
  private lastCallMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ChannelParts) {
    this.target = parts.target;
    this.resolver = parts.resolver;
    this.balancer = parts.balancer;
    this.transport = parts.transport;
    this.callCredentials = parts.callCredentials;
    this.connectOptions = parts.connectOptions;
  }

  /** Resolves and connects now rather than at the first call. */
  connect(): void {
    if (this.started || this.closed) return;
    this.started = true;
    this.resolver.start({
      endpoints: (list) => this.update(list),
      error: (status) => {
        this.resolution = status;
        this.wake();
      },
    });
  }

  /** Carries one attempt to an endpoint. */
  invoke(call: ClientCall): Promise<Payload> {
    const endpoint = this.balancer.pick(call);
    this.lastCallMs = this.connectOptions.runtime.clock.now();
    if (endpoint === undefined) return this.waitForEndpoint(call);
    return this.send(call, endpoint);
  }

  snapshot(): readonly EndpointSnapshot[] {
    return [...this.endpoints.values()].map(({ name, state, inFlight, failure }) => ({
      address: name,
      state,
      inFlight,
      failure: failure?.details,
    }));
  }

  /** Takes no new call; those in flight go on until they end. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.resolver.close();
    this.balancer.close();
    for (const endpoint of this.endpoints.values()) endpoint.drain();
    this.wake();
  }

  /** Closes at once: calls in flight fail with UNAVAILABLE. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    for (const endpoint of this.endpoints.values()) endpoint.close();
  }

  stateChanged(endpoint: Endpoint): void {
    if (this.closed || this.endpoints.get(endpoint.name) !== endpoint) return;
    this.balancer.stateChanged(endpoint);
    this.wake();
  }

  disconnected(): void {
    if (!this.closed) this.resolver.resolveNow();
  }

  wanted(): boolean {
    const { clock } = this.connectOptions.runtime;
    return this.waiters.size > 0 || clock.now() - this.lastCallMs < IN_USE_MS;
  }

  private update(list: readonly ResolvedEndpoint[]): void {
    if (this.closed) return;
    this.resolution = undefined;
    const before = this.endpoints;
    this.endpoints = new Map();
    for (const resolved of list) {
      const name = formatAddress(resolved.address);
      this.endpoints.set(name, before.get(name) ?? new Endpoint(resolved, this));
    }
    this.balancer.update([...this.endpoints.values()]);
    for (const [name, endpoint] of before) if (!this.endpoints.has(name)) endpoint.drain();
    this.wake();
  }

  private send(call: ClientCall, endpoint: Endpoint): Promise<Payload> {
    const { callCredentials } = this;
    if (callCredentials === undefined) return endpoint.invoke(call);
    return this.authenticate(call, endpoint, callCredentials);
  }

  /** Adds call credentials, which never travel in plaintext. */
  private async authenticate(
    call: ClientCall,
    endpoint: Endpoint,
    credentials: CallCredentials,
  ): Promise<Payload> {
    const { path } = call.method;
    const { authority } = endpoint.resolved;
    if (!endpoint.secure) {
      const details =
        `Call credentials are not sent in plaintext to ${authority}: give the channel tls(), ` +
        'or leave the credentials away';
      throw new RpcError(path, { code: Status.UNAUTHENTICATED, details, processed: 'no' });
    }
    const context = { path, authority, signal: call.signal };
    try {
      for (const [name, values] of await whileWanted(call, credentials.metadata(context))) {
        if (name === 'authorization' && call.headers.has(name)) {
          throw new Error("the call carries its own 'authorization' already");
        }
        call.headers.set(name, values);
      }
    } catch (error) {
      const details = `The call credentials failed: ${describe(error)}`;
      const status = { code: Status.UNAUTHENTICATED, details, cause: error };
      throw new RpcError(path, { processed: 'no', ...(call.cancelled ?? status) });
    }
    return endpoint.invoke(call);
  }

  /** Waits until an endpoint is ready, there is no hope, or the call is over. */
  private waitForEndpoint(call: ClientCall): Promise<Payload> {
    this.connect();
    for (const endpoint of this.endpoints.values()) endpoint.connect();
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const endpoint = call.cancelled === undefined ? this.balancer.pick(call) : undefined;
        const failure =
          call.cancelled ?? (endpoint === undefined ? this.hopeless(call) : undefined);
        if (endpoint === undefined && failure === undefined) return;
        stop();
        if (endpoint !== undefined) resolve(this.send(call, endpoint));
        else
          reject(new RpcError(call.method.path, { processed: 'no', ...(failure as CallStatus) }));
      };
      const unsubscribe = call.onCancel(check);
      const stop = (): void => {
        unsubscribe();
        this.waiters.delete(check);
      };
      this.waiters.add(check);
      check();
    });
  }

  /** Why a call that finds no endpoint ready fails at once; undefined while it may still wait. */
  private hopeless(call: ClientCall): CallStatus | undefined {
    const processed = 'no';
    const code = Status.UNAVAILABLE;
    if (this.closed) return { code, details: `The channel to ${this.target} is closed`, processed };
    if (call.waitForReady) return undefined;
    const endpoints = [...this.endpoints.values()];
    if (endpoints.length === 0) return this.resolution;
    if (endpoints.some(({ state }) => state !== 'backoff')) return undefined;
    const why = endpoints.map(({ failure }) => failure?.details).filter(Boolean);
    const details = `No endpoint of ${this.target} is reachable. ${why.join('; ')}`;
    return { code, details, processed };
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}

/** Nobody waits for credentials longer than the call may take. */
function whileWanted<T>(call: ClientCall, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const unsubscribe = call.onCancel((status) => reject(new Error(status.details)));
    promise.then(resolve, reject).finally(unsubscribe);
  });
}
