import type { Metadata } from 'nice-grpc-common';

import { formatAddress } from '../core/address.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Timer } from '../core/clock.ts';
import { RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Connection } from '../core/transport.ts';
import { EndpointLoad } from '../policies/endpoint-load.ts';
import { OutlierHost } from '../policies/outlier.ts';
import { SlowStart } from '../policies/slow-start.ts';
import type { BalancerEndpoint, EndpointState } from './balancer.ts';
import { CallStats } from './call-stats.ts';
import type { EndpointHost } from './endpoint-host.ts';
import type { Health } from './health-watch.ts';
import { HealthWatch } from './health-watch.ts';
import { Redial } from './redial.ts';
import type { ResolvedEndpoint } from './target.ts';

/** One backend: its connection, redialled with backoff, its health, and what is known of it. */
export class Endpoint implements BalancerEndpoint {
  readonly resolved: ResolvedEndpoint;
  readonly name: string;
  state: EndpointState = 'idle';
  /** Why it could not be reached last, or why it is unhealthy. */
  failure: CallStatus | undefined = undefined;
  readonly load: EndpointLoad;
  readonly outlier: OutlierHost;
  readonly slowStart: SlowStart = new SlowStart();
  readonly stats: CallStats = new CallStats();
  /** How often it was connected: a call that began under another number lost its connection. */
  connections = 0;

  private readonly host: EndpointHost<Endpoint>;
  private readonly redial: Redial;
  private connection: Connection | undefined = undefined;
  private watch: HealthWatch | undefined = undefined;
  /** It gets its share bit by bit when it next turns ready. */
  private cold: boolean;
  /** Since when its connection works; undefined while it has none that does. */
  private connectedAtMs: number | undefined = undefined;
  private retryAtMs = 0;
  private timer: Timer | undefined = undefined;

  /** `late`: it joins others that are ready. */
  constructor(resolved: ResolvedEndpoint, host: EndpointHost<Endpoint>, late: boolean) {
    this.resolved = resolved;
    this.host = host;
    this.cold = late;
    this.name = formatAddress(resolved.address);
    this.load = new EndpointLoad(host.channelLoad);
    this.outlier = new OutlierHost(this.name);
    this.redial = new Redial(host.connectOptions.runtime.random);
  }

  get inFlight(): number {
    return this.load.inFlight;
  }

  /** It has a connection that works, whatever its health. */
  get connected(): boolean {
    return this.connectedAtMs !== undefined;
  }

  get secure(): boolean {
    return this.connection?.secure ?? false;
  }

  get lastPick(): number {
    return this.load.lastPick;
  }

  latencyMs(nowMs: number): number | undefined {
    return this.load.latencyMs(nowMs);
  }

  cost(nowMs: number): number {
    return this.load.cost(nowMs);
  }

  /** Dials when idle; a redial that is due keeps its time. */
  connect(): void {
    if (this.state === 'idle') this.dial();
  }

  /** Calls find no endpoint ready: brings a far-off redial nearer. */
  hurry(): void {
    if (this.state !== 'backoff') return;
    const nowMs = this.now();
    const waitMs = this.retryAtMs - nowMs;
    const alone = this.redial.whenAloneMs(waitMs);
    if (alone < waitMs) this.redialAt(nowMs + alone);
  }

  /** True when it has a connection that takes calls, as far as the wire has told by now. */
  check(): boolean {
    return this.connection?.check() === 'ready';
  }

  /** `extra`: metadata of this attempt alone, such as a token. */
  invoke(call: ClientCall, extra?: Metadata): Promise<Payload> {
    const { connection } = this;
    if (connection !== undefined) return connection.invoke(call, extra);
    const details = `The connection to ${this.name} was lost before the call was sent`;
    const status = { code: Status.UNAVAILABLE, details, processed: 'no' as const };
    return Promise.reject(new RpcError(call.method.path, status));
  }

  /** Gives the connection up for as long as nobody asks for it. */
  disconnect(): void {
    this.timer?.clear();
    const { connection } = this;
    this.connection = undefined;
    this.connectedAtMs = undefined;
    this.state = 'idle';
    this.stopWatch();
    connection?.drain();
  }

  /** No longer in the list: takes no new call, and lets those in flight end. */
  drain(): void {
    this.timer?.clear();
    this.connectedAtMs = undefined;
    this.state = 'closed';
    this.stopWatch();
    this.connection?.drain();
  }

  /** The channel's health checking changed. What was known holds until the server says more. */
  healthCheckChanged(): void {
    const { connection } = this;
    if (connection === undefined || this.connectedAtMs === undefined) return;
    this.stopWatch();
    this.startWatch(connection);
  }

  private dial(): void {
    const { transport, connectOptions } = this.host;
    const { address, authority, serverName } = this.resolved;
    // A connection outlives the call that wanted it, and must inherit nothing from it.
    const connection = connectOptions.runtime.ambient.outside(() =>
      transport.connect(address, { ...connectOptions, authority, serverName }),
    );
    this.connection = connection;
    this.host.opened(connection);
    this.become('connecting');
    connection.onStateChange((state) => {
      // A connection that was replaced lives on only for its calls in flight.
      if (this.connection !== connection || this.state === 'closed') return;
      if (state === 'ready') this.opened(connection);
      else if (state === 'draining' || state === 'closed') this.lost(connection);
    });
  }

  private opened(connection: Connection): void {
    this.connectedAtMs = this.now();
    this.connections++;
    this.startWatch(connection);
  }

  private startWatch(connection: Connection): void {
    const { healthService: service, connectOptions } = this.host;
    if (service === undefined) {
      this.turnReady();
      return;
    }
    const { runtime } = connectOptions;
    // A watch belongs to its connection, not to the call that wanted that.
    runtime.ambient.outside(() => {
      const watch = new HealthWatch({
        service,
        runtime,
        invoke: (call) => this.host.invokeOwn(call, this),
        changed: (health, why) => {
          if (this.watch === watch && this.connection === connection) this.tell(health, why);
        },
      });
      this.watch = watch;
    });
  }

  private tell(health: Health, why: string | undefined): void {
    if (health === 'unimplemented') this.host.healthUnimplemented(this);
    if (health === 'unknown') {
      this.become('connecting');
    } else if (health === 'not_serving') {
      const details = `${this.name} is unhealthy: ${why ?? 'unknown'}`;
      this.failure = { code: Status.UNAVAILABLE, details };
      this.cold = true;
      this.become('unhealthy');
    } else {
      this.turnReady();
    }
  }

  private turnReady(): void {
    this.failure = undefined;
    if (this.state === 'ready') return;
    if (this.cold) this.slowStart.begin(this.now(), this.host.slowStartMs);
    this.cold = false;
    this.become('ready');
  }

  private lost(connection: Connection): void {
    const nowMs = this.now();
    const sinceMs = this.connectedAtMs;
    this.connection = undefined;
    this.connectedAtMs = undefined;
    this.cold = true;
    this.stopWatch();
    if (sinceMs !== undefined) {
      this.become('connecting');
      this.redialAt(nowMs + this.redial.afterLossMs(nowMs - sinceMs));
    } else {
      this.failure = connection.failure ?? this.failure;
      this.become('backoff');
      this.redialAt(nowMs + this.redial.afterFailureMs(this.host.wanted()));
    }
    this.host.disconnected();
  }

  private stopWatch(): void {
    this.watch?.stop();
    this.watch = undefined;
  }

  private redialAt(atMs: number): void {
    this.timer?.clear();
    this.retryAtMs = atMs;
    this.timer = this.host.connectOptions.runtime.clock.setTimer(atMs, () => {
      this.state = 'idle';
      this.dial();
    });
  }

  private become(state: EndpointState): void {
    this.state = state;
    this.host.stateChanged(this);
  }

  private now(): number {
    return this.host.connectOptions.runtime.clock.now();
  }
}
