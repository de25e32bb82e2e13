import { formatAddress } from '../core/address.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { CallCredentials } from '../core/credentials.ts';
import type { Payload } from '../core/method.ts';
import type { Connection, ConnectOptions, Transport } from '../core/transport.ts';
import { ChannelLoad } from '../policies/endpoint-load.ts';
import { Availability } from './availability.ts';
import type { Balancer } from './balancer.ts';
import { credentialsFor } from './call-credentials.ts';
import type { ChannelSettings } from './channel-settings.ts';
import type { EjectionHost } from './ejection.ts';
import { Ejections } from './ejection.ts';
import type { EndpointHost } from './endpoint-host.ts';
import { Endpoint } from './endpoint.ts';
import type { ResolvedEndpoint } from './target.ts';

/** What the endpoints need from their channel. */
export interface EndpointSetHost {
  readonly target: string;
  readonly transport: Transport;
  readonly callCredentials: CallCredentials | undefined;
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  /** Who may get calls has changed; `up`: an endpoint has turned ready. */
  endpointsChanged(up: boolean): void;
  disconnected(): void;
  wanted(): boolean;
}

/** The endpoints of a channel, and which of them gets a call. */
export class EndpointSet implements EndpointHost<Endpoint>, EjectionHost {
  readonly target: string;
  readonly transport: Transport;
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  readonly channelLoad: ChannelLoad = new ChannelLoad();
  readonly ejections: Ejections;
  private readonly host: EndpointSetHost;
  private settings: ChannelSettings;
  private balancer: Balancer;
  private readonly availability: Availability;
  private byKey = new Map<string, Endpoint>();
  /** In the order of the resolver. */
  private endpoints: readonly Endpoint[] = [];
  /** All that are open, also those set aside for their calls in flight. */
  private readonly connections = new Set<Connection>();
  private toldUnimplemented = false;
  private closed = false;

  constructor(host: EndpointSetHost, settings: ChannelSettings) {
    const { runtime } = host.connectOptions;
    this.host = host;
    this.target = host.target;
    this.transport = host.transport;
    this.connectOptions = host.connectOptions;
    this.availability = new Availability(runtime.random);
    this.ejections = new Ejections(this, runtime);
    this.settings = settings;
    this.balancer = settings.balancer(runtime);
    this.configureEjections();
  }

  get all(): readonly Endpoint[] {
    return this.endpoints;
  }

  /** So few endpoints would be left that ejections are ignored. */
  get panic(): boolean {
    return this.availability.panic;
  }

  get healthService(): string | undefined {
    return this.settings.healthCheck?.service;
  }

  get slowStartMs(): number {
    return this.settings.slowStart?.windowMs ?? 0;
  }

  /** Where a call goes; undefined where it is to wait. */
  pick(call: ClientCall, nowMs: number): Endpoint | undefined {
    return this.availability.pick(call, nowMs);
  }

  /**
   * Where a call goes that would fail otherwise: to an endpoint that says it is not serving. One
   * that drains still serves for a while, and health is a hint whom to choose, not a gate.
   */
  lastResort(call: ClientCall, nowMs: number): Endpoint | undefined {
    return this.availability.lastResort(this.endpoints, call, nowMs);
  }

  /** Another policy. Connections, loads and ejections stay. */
  configure(settings: ChannelSettings): void {
    const before = this.settings;
    this.settings = settings;
    if (settings.balancer !== before.balancer) {
      this.balancer.close?.();
      this.balancer = settings.balancer(this.connectOptions.runtime);
      this.tellBalancer();
    }
    this.configureEjections();
    if (settings.healthCheck?.service !== before.healthCheck?.service) {
      this.toldUnimplemented = false;
      for (const endpoint of this.endpoints) endpoint.healthCheckChanged();
    }
    this.refresh();
  }

  /** The list changed; an endpoint that stays keeps its connection and what is known of it. */
  update(list: readonly ResolvedEndpoint[]): void {
    const before = this.byKey;
    const late = this.endpoints.some(({ state }) => state === 'ready');
    this.byKey = new Map();
    for (const resolved of list) {
      const key = keyOf(resolved);
      this.byKey.set(key, before.get(key) ?? new Endpoint(resolved, this, late));
    }
    this.endpoints = [...this.byKey.values()];
    this.ejections.update(this.endpoints);
    this.tellBalancer();
    for (const [key, endpoint] of before) if (!this.byKey.has(key)) endpoint.drain();
    this.refresh();
  }

  /** Calls wait: far-off redials come nearer. */
  hurry(): void {
    for (const endpoint of this.endpoints) endpoint.hurry();
  }

  /** Takes no new call; those in flight go on until they end. */
  drain(): void {
    this.closed = true;
    this.balancer.close?.();
    this.ejections.close();
    for (const endpoint of this.endpoints) endpoint.drain();
  }

  closeConnections(): void {
    for (const connection of [...this.connections]) connection.close();
  }

  stateChanged(endpoint: Endpoint): void {
    if (this.closed || !this.endpoints.includes(endpoint)) return;
    this.balancer.stateChanged?.(endpoint);
    this.refresh();
    this.host.endpointsChanged(endpoint.state === 'ready');
  }

  opened(connection: Connection): void {
    this.connections.add(connection);
    connection.onStateChange((state) => {
      if (state === 'closed') this.connections.delete(connection);
    });
  }

  disconnected(): void {
    if (!this.closed) this.host.disconnected();
  }

  wanted(): boolean {
    return this.host.wanted();
  }

  invokeOwn(call: ClientCall, endpoint: Endpoint): Promise<Payload> {
    const { callCredentials } = this.host;
    if (callCredentials === undefined || !endpoint.secure) return endpoint.invoke(call);
    const made = credentialsFor(call, endpoint, callCredentials);
    return made.then((metadata) => endpoint.invoke(call, metadata));
  }

  healthUnimplemented({ name }: Endpoint): void {
    if (this.toldUnimplemented) return;
    this.toldUnimplemented = true;
    const fields = { target: this.target, endpoint: name };
    const message = 'an endpoint has no health service: it is taken for serving';
    this.connectOptions.runtime.logger.info(fields, message);
  }

  ejectionsChanged(): void {
    if (this.closed) return;
    this.refresh();
    this.host.endpointsChanged(false);
  }

  /** Half the window: it ran before, and its connection never went. */
  readmitted({ load, slowStart }: Endpoint): void {
    load.reset();
    slowStart.begin(this.connectOptions.runtime.clock.now(), this.slowStartMs / 2);
  }

  private tellBalancer(): void {
    if (this.balancer.update !== undefined) this.balancer.update(this.endpoints);
    else for (const endpoint of this.endpoints) endpoint.connect();
  }

  private configureEjections(): void {
    this.ejections.configure(this.balancer.ejects === false ? undefined : this.settings.ejection);
  }

  private refresh(): void {
    const { balancer, endpoints } = this;
    const panicPercent = this.settings.ejection?.panicPercent ?? 0;
    const nowMs = this.connectOptions.runtime.clock.now();
    this.availability.refresh(endpoints, { balancer, panicPercent }, nowMs);
  }
}

/** What makes an endpoint the same in the next list: its address and its names. */
function keyOf({ address, authority, serverName }: ResolvedEndpoint): string {
  return [formatAddress(address), authority, serverName].join(' ');
}
