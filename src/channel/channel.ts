import type { ClientCall } from '../core/client-call.ts';
import type { CallCredentials } from '../core/credentials.ts';
import { RejectedError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import type { Runtime } from '../core/runtime.ts';
import { Status } from '../core/status.ts';
import type { ConnectOptions } from '../core/transport.ts';
import type { ChannelPolicy } from '../policies/policy.ts';
import { ReplayQuota } from '../policies/replay-buffer.ts';
import { RetryBudget } from '../policies/retry-budget.ts';
import { openAccount } from './call-account.ts';
import { credentialsFor } from './call-credentials.ts';
import type { ChannelParts, ChannelPolicySource } from './channel-parts.ts';
import type { ChannelSettings } from './channel-settings.ts';
import type { ChannelSnapshot } from './channel-snapshot.ts';
import { endpointSnapshot } from './channel-snapshot.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { Endpoint } from './endpoint.ts';
import { unreachable, whileWaiting } from './no-endpoint.ts';
import type { ResolvedEndpoint } from './target.ts';
import type { Look } from './waiting-calls.ts';
import { refusal, WaitingCalls } from './waiting-calls.ts';

/** A channel counts as in use for this long after a call, in ms. */
const IN_USE_MS = 30_000;

/**
 * The road from calls to endpoints: resolver, balancer and one connection an endpoint. Clients of
 * several services may share one. Connects when the first call comes.
 */
export class Channel {
  /** As it was given, but for credentials in its authority: for people who look. */
  readonly target: string;
  readonly runtime: Runtime;
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  /** What its calls may keep of their requests for another attempt. */
  readonly replayQuota: ReplayQuota = new ReplayQuota();
  /** What its calls share for further attempts; undefined where nothing bounds them. */
  retryBudget: RetryBudget | undefined = undefined;
  private readonly parts: ChannelParts;
  private settings: ChannelSettings;
  private readonly endpoints: EndpointSet;
  private readonly waiting = new WaitingCalls();
  private readonly upListeners = new Set<() => void>();
  private readonly closeListeners = new Set<() => void>();
  private resolution: CallStatus | undefined = undefined;
  private started = false;
  private closed = false;
  private lastCallMs = Number.NEGATIVE_INFINITY;
  private stopFollowing: (() => void) | undefined = undefined;
  private readonly leave: () => void;

  constructor(parts: ChannelParts) {
    const { target, transport, callCredentials, runtime } = parts;
    const connectOptions = { ...parts.connectOptions, runtime };
    this.parts = parts;
    this.target = target;
    this.runtime = runtime;
    this.connectOptions = connectOptions;
    this.settings = parts.settingsOf({});
    this.configureBudget();
    const host = {
      target,
      transport,
      callCredentials,
      connectOptions,
      endpointsChanged: (up: boolean) => this.endpointsChanged(up),
      disconnected: () => this.outside(() => parts.resolver.resolveNow()),
      wanted: () => this.wanted(),
    };
    this.endpoints = new EndpointSet(host, this.settings);
    this.leave = runtime.parts.add(this);
  }

  /** Resolves and connects now rather than at the first call. */
  connect(): void {
    if (this.started || this.closed) return;
    this.started = true;
    this.outside(() =>
      this.parts.resolver.start({
        endpoints: (list) => this.resolved(list),
        error: (status) => {
          this.resolution = status;
          this.waiting.wake();
        },
        empty: (status) => this.resolved([], status),
      }),
    );
  }

  /** Carries one attempt to an endpoint. Pick, load and score add about 0.2 µs to a call. */
  invoke(call: ClientCall): Promise<Payload> {
    const over = call.cancelled ?? (this.closed ? this.isClosed(call) : undefined);
    if (over !== undefined) return Promise.reject(refusal(call, over));
    const nowMs = this.runtime.clock.now();
    this.lastCallMs = nowMs;
    const endpoint = this.pick(call, nowMs);
    if (endpoint === undefined) return this.waitForEndpoint(call);
    return this.send(call, endpoint, nowMs);
  }

  /**
   * Changes the policy while calls go on. It is laid over what the channel was made with, so that
   * what it leaves away is as it was then. Connections, loads and ejections stay. Throws a
   * `ConfigError`, and changes nothing, where a value is wrong.
   */
  configure(policy: ChannelPolicy): void {
    this.settings = this.parts.settingsOf(policy);
    if (this.closed) return;
    this.configureBudget();
    this.endpoints.configure(this.settings);
    this.waiting.wake();
  }

  /** Takes its policy from a source, now and whenever it changes, until it is closed. */
  follow(source: ChannelPolicySource): void {
    const take = (): void => this.configure(source.current.channel ?? {});
    take();
    this.stopFollowing?.();
    this.stopFollowing = source.onChange(take);
  }

  /** Calls `listener` when an endpoint has turned ready, or SERVING. Returns what ends that. */
  onEndpointUp(listener: () => void): () => void {
    this.upListeners.add(listener);
    return () => this.upListeners.delete(listener);
  }

  /** Calls `listener` when the channel is closed. Returns what ends that. */
  onClose(listener: () => void): () => void {
    this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  /** What the channel knows at this moment: all that its balancer goes by. */
  snapshot(): ChannelSnapshot {
    const nowMs = this.runtime.clock.now();
    const { told } = this.settings;
    return {
      target: this.target,
      balancer: told.policy.balancer,
      resolutionError: this.resolution?.details,
      endpoints: this.endpoints.all.map((endpoint) => endpointSnapshot(endpoint, nowMs)),
      panic: this.endpoints.panic,
      ejections: this.endpoints.ejections.total,
      retryBudget: this.retryBudget?.balance,
      ...told,
    };
  }

  /** Takes no new call; those in flight go on until they end. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stopFollowing?.();
    for (const listener of [...this.closeListeners]) listener();
    this.leave();
    this.parts.resolver.close();
    this.endpoints.drain();
    this.waiting.wake();
  }

  /** Closes at once: calls in flight fail with UNAVAILABLE. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    this.endpoints.closeConnections();
  }

  /** `empty`: why the list is empty. */
  private resolved(list: readonly ResolvedEndpoint[], empty?: CallStatus): void {
    if (this.closed) return;
    if (list.length === 0 && empty === undefined) {
      const details = `The resolver of ${this.target} told an empty list`;
      this.resolution = { code: Status.UNAVAILABLE, details };
    } else {
      this.resolution = empty;
      this.endpoints.update(list);
    }
    this.waiting.wake();
  }

  private endpointsChanged(up: boolean): void {
    // A copy: what is told may end its own interest.
    if (up) for (const listener of [...this.upListeners]) listener();
    this.waiting.wake();
  }

  private wanted(): boolean {
    const { clock } = this.runtime;
    return this.waiting.size > 0 || clock.now() - this.lastCallMs < IN_USE_MS;
  }

  private configureBudget(): void {
    const { retryBudget } = this.settings;
    const { clock } = this.runtime;
    if (retryBudget === undefined) this.retryBudget = undefined;
    else if (this.retryBudget === undefined) this.retryBudget = new RetryBudget(retryBudget, clock);
    else this.retryBudget.configure(retryBudget);
  }

  /** An endpoint whose connection has gone this turn is found out here, and picked no more. */
  private pick(call: ClientCall, nowMs: number): Endpoint | undefined {
    let endpoint = this.endpoints.pick(call, nowMs);
    for (let tries = this.endpoints.all.length; tries > 0; tries--) {
      if (endpoint === undefined || endpoint.check()) return endpoint;
      endpoint = this.endpoints.pick(call, nowMs);
    }
    return endpoint;
  }

  private send(call: ClientCall, endpoint: Endpoint, nowMs: number): Promise<Payload> {
    const { callCredentials } = this.parts;
    const takeBack = openAccount(call, endpoint, nowMs, this.endpoints.ejections);
    if (callCredentials === undefined) return endpoint.invoke(call);
    return this.authenticate(call, endpoint, callCredentials, takeBack);
  }

  private async authenticate(
    call: ClientCall,
    endpoint: Endpoint,
    credentials: CallCredentials,
    takeBack: () => void,
  ): Promise<Payload> {
    let extra;
    try {
      extra = await credentialsFor(call, endpoint, credentials);
    } catch (error) {
      // Nothing was sent: that says nothing of the endpoint.
      takeBack();
      throw error;
    }
    if (endpoint.state === 'ready') return endpoint.invoke(call, extra);
    // Its connection went while the token was fetched: another endpoint, and no attempt spent.
    takeBack();
    return this.invoke(call);
  }

  /** Waits until an endpoint is ready, there is no hope, or the call is over. */
  private waitForEndpoint(call: ClientCall): Promise<Payload> {
    this.connect();
    this.endpoints.hurry();
    return this.waiting.wait(call, () => this.look(call));
  }

  private look(call: ClientCall): Look {
    const { cancelled } = call;
    if (cancelled !== undefined) {
      return { failed: whileWaiting(cancelled, this.target, this.endpoints.all) };
    }
    const nowMs = this.runtime.clock.now();
    const endpoint = this.closed ? undefined : this.pick(call, nowMs);
    if (endpoint !== undefined) return { sent: this.send(call, endpoint, nowMs) };
    const failed = this.hopeless(call);
    if (failed === undefined) return undefined;
    const lastResort = this.closed ? undefined : this.endpoints.lastResort(call, nowMs);
    return lastResort === undefined ? { failed } : { sent: this.send(call, lastResort, nowMs) };
  }

  /** Why a call that finds no endpoint ready fails at once; undefined while it may still wait. */
  private hopeless(call: ClientCall): CallStatus | undefined {
    if (this.closed) return this.isClosed(call);
    if (call.waitForReady) return undefined;
    const { all } = this.endpoints;
    return all.length === 0 ? this.resolution : unreachable(this.target, all);
  }

  /** Final: a closed channel does not open again. */
  private isClosed({ method }: ClientCall): RejectedError {
    const details = `The channel to ${this.target} is closed`;
    return new RejectedError(method.path, 'channel_closed', { code: Status.UNAVAILABLE, details });
  }

  /** What the channel starts outlives the call that it is started for, and inherits nothing. */
  private outside(body: () => void): void {
    this.runtime.ambient.outside(body);
  }
}
