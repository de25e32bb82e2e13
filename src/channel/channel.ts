import type { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../core/client-call.ts';
import type { CallCredentials } from '../core/credentials.ts';
import { describe, RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Connection, ConnectOptions, Transport } from '../core/transport.ts';
import type { Balancer } from './balancer.ts';
import type { EndpointHost, EndpointState } from './endpoint.ts';
import { Endpoint, endpointKey } from './endpoint.ts';
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
  /** All that are open, also those set aside for their calls in flight. */
  private readonly connections = new Set<Connection>();
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
    this.detached(() =>
      this.resolver.start({
        endpoints: (list) => this.update(list),
        error: (status) => {
          this.resolution = status;
          this.wake();
        },
      }),
    );
  }

  /** Carries one attempt to an endpoint. */
  invoke(call: ClientCall): Promise<Payload> {
    const over = call.cancelled ?? (this.closed ? this.isClosed() : undefined);
    if (over !== undefined) return refuse(call, over);
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
    for (const connection of [...this.connections]) connection.close();
  }

  stateChanged(endpoint: Endpoint): void {
    if (this.closed || this.endpoints.get(endpoint.key) !== endpoint) return;
    this.balancer.stateChanged(endpoint);
    this.wake();
  }

  opened(connection: Connection): void {
    this.connections.add(connection);
    connection.onStateChange((state) => {
      if (state === 'closed') this.connections.delete(connection);
    });
  }

  disconnected(): void {
    if (!this.closed) this.detached(() => this.resolver.resolveNow());
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
      const key = endpointKey(resolved);
      this.endpoints.set(key, before.get(key) ?? new Endpoint(resolved, this));
    }
    this.balancer.update([...this.endpoints.values()]);
    for (const [key, endpoint] of before) if (!this.endpoints.has(key)) endpoint.drain();
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
    let metadata: Metadata;
    try {
      metadata = await whileWanted(call, credentials.metadata(context));
      if (metadata.has('authorization') && call.hasHeaders && call.headers.has('authorization')) {
        throw new Error("the call carries its own 'authorization' already");
      }
    } catch (error) {
      const details = `The call credentials failed: ${describe(error)}`;
      const status = { code: Status.UNAUTHENTICATED, details, cause: error };
      throw new RpcError(path, { processed: 'no', ...(call.cancelled ?? status) });
    }
    // The connection may have gone while the token was fetched: then another one is picked.
    if (endpoint.state !== 'ready') return this.invoke(call);
    return endpoint.invoke(call, metadata);
  }

  /** Waits until an endpoint is ready, there is no hope, or the call is over. */
  private waitForEndpoint(call: ClientCall): Promise<Payload> {
    this.connect();
    for (const endpoint of this.endpoints.values()) endpoint.connect();
    return new Promise((resolve, reject) => {
      let unsubscribe = (): void => undefined;
      const check = (): void => {
        const endpoint = call.cancelled === undefined ? this.balancer.pick(call) : undefined;
        const failure =
          endpoint !== undefined ? undefined : (this.whileWaiting(call) ?? this.hopeless(call));
        if (endpoint === undefined && failure === undefined) return;
        unsubscribe();
        this.waiters.delete(check);
        if (endpoint !== undefined) resolve(this.send(call, endpoint));
        else if (failure !== undefined) reject(refusal(call, failure));
      };
      unsubscribe = call.onCancel(check);
      this.waiters.add(check);
      check();
    });
  }

  /** The end of a call that was never sent, with what it waited for. */
  private whileWaiting({ cancelled }: ClientCall): CallStatus | undefined {
    if (cancelled === undefined) return undefined;
    const states = [...this.endpoints.values()].map(
      ({ name, state, failure }) => failure?.details ?? `${name} is ${state}`,
    );
    const waited = states.length === 0 ? `${this.target} is not resolved` : states.join('; ');
    return { ...cancelled, details: `${cancelled.details}; it was never sent: ${waited}` };
  }

  /** Why a call that finds no endpoint ready fails at once; undefined while it may still wait. */
  private hopeless(call: ClientCall): CallStatus | undefined {
    if (this.closed) return this.isClosed();
    if (call.waitForReady) return undefined;
    const endpoints = [...this.endpoints.values()];
    if (endpoints.length === 0) return this.resolution;
    if (endpoints.some(({ state }) => state !== 'backoff')) return undefined;
    const why = endpoints.map(({ failure }) => failure?.details).filter(Boolean);
    const details = `No endpoint of ${this.target} is reachable. ${why.join('; ')}`;
    return { code: Status.UNAVAILABLE, details };
  }

  private isClosed(): CallStatus {
    return { code: Status.UNAVAILABLE, details: `The channel to ${this.target} is closed` };
  }

  /** What the channel starts outlives the call that it is started for, and inherits nothing. */
  private detached(body: () => void): void {
    this.connectOptions.runtime.ambient.detached(body);
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}

function refusal(call: ClientCall, status: CallStatus): RpcError {
  return new RpcError(call.method.path, { processed: 'no', ...status });
}

function refuse(call: ClientCall, status: CallStatus): Promise<never> {
  return Promise.reject(refusal(call, status));
}

/** Nobody waits for credentials longer than the call may take. */
function whileWanted<T>(call: ClientCall, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const unsubscribe = call.onCancel((status) => reject(new Error(status.details)));
    promise.then(resolve, reject).finally(unsubscribe);
  });
}
