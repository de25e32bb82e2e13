import type { Metadata } from 'nice-grpc-common';

import { formatAddress } from '../core/address.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Timer } from '../core/clock.ts';
import { RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Connection, ConnectOptions, Transport } from '../core/transport.ts';
import { DIAL_BACKOFF, backoffMs } from '../policies/backoff.ts';
import type { ResolvedEndpoint } from './target.ts';

/** The longest wait between two dials while calls want the endpoint, in ms. */
const MAX_WANTED_BACKOFF_MS = 5_000;

/** A connection that lived this long, in ms, was no short one. */
const HEALTHY_MS = 10_000;

/** Between connections that work and soon break: short, for calls wait. */
const FLAPPING_BACKOFF = { initialMs: 20, multiplier: 2, maxMs: 1_000, jitter: 0.2 };

export type EndpointState = 'idle' | 'connecting' | 'ready' | 'backoff' | 'closed';

/** What an endpoint needs from its channel. */
export interface EndpointHost {
  readonly transport: Transport;
  /** Everything of the connection but who is called: that is the endpoint's. */
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  stateChanged(endpoint: Endpoint): void;
  /** A connection was begun; it is the channel's to close in the end. */
  opened(connection: Connection): void;
  /** A connection was lost or could not be had. */
  disconnected(): void;
  /** True while calls want an endpoint: redials come sooner then. */
  wanted(): boolean;
}

/** One backend: its connection, redialled with backoff, and what is known of it. */
export class Endpoint {
  readonly resolved: ResolvedEndpoint;
  readonly name: string;
  /** What makes it the same endpoint in the next list: its address and its names. */
  readonly key: string;
  state: EndpointState = 'idle';
  /** Why it last failed to connect. */
  failure: CallStatus | undefined = undefined;
  private readonly host: EndpointHost;
  private connection: Connection | undefined = undefined;
  private failures = 0;
  private shortLived = 0;
  private readyAtMs = 0;
  private retryAtMs = 0;
  private timer: Timer | undefined = undefined;

  constructor(resolved: ResolvedEndpoint, host: EndpointHost) {
    this.resolved = resolved;
    this.host = host;
    this.name = formatAddress(resolved.address);
    this.key = endpointKey(resolved);
  }

  /** Calls in flight on the current connection. */
  get inFlight(): number {
    return this.connection?.inFlight ?? 0;
  }

  get secure(): boolean {
    return this.connection?.secure ?? false;
  }

  /** Dials when idle; while calls wait, brings a far-off redial nearer. */
  connect(): void {
    if (this.state === 'idle') this.dial();
    else if (this.state === 'backoff') this.hurry();
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
    this.state = 'idle';
    connection?.drain();
  }

  /** No longer in the list: takes no new call, and lets those in flight end. */
  drain(): void {
    this.timer?.clear();
    this.state = 'closed';
    this.connection?.drain();
  }

  close(): void {
    this.timer?.clear();
    this.state = 'closed';
    this.connection?.close();
  }

  private dial(): void {
    const { transport, connectOptions } = this.host;
    const { address, authority, serverName } = this.resolved;
    // A connection outlives the call that wanted it, and must inherit nothing from it.
    const connection = connectOptions.runtime.ambient.detached(() =>
      transport.connect(address, { ...connectOptions, authority, serverName }),
    );
    this.connection = connection;
    this.host.opened(connection);
    this.become('connecting');
    connection.onStateChange((state) => {
      // A connection that was replaced lives on only for its calls in flight.
      if (this.connection !== connection || this.state === 'closed') return;
      if (state === 'ready') this.connected();
      else if (state === 'draining' || state === 'closed') this.lost(connection);
    });
  }

  private connected(): void {
    this.failure = undefined;
    this.readyAtMs = this.host.connectOptions.runtime.clock.now();
    this.become('ready');
  }

  private lost(connection: Connection): void {
    const wasReady = this.state === 'ready';
    this.connection = undefined;
    if (wasReady) this.reconnect();
    else this.backOff(connection.failure);
    this.host.disconnected();
  }

  /**
   * A connection that worked is dialled again at once: its server may have restarted, or sent its
   * clients elsewhere. Calls wait for that. One that breaks again and again is dialled less often.
   */
  private reconnect(): void {
    const { clock, random } = this.host.connectOptions.runtime;
    const nowMs = clock.now();
    this.shortLived = nowMs - this.readyAtMs < HEALTHY_MS ? this.shortLived + 1 : 0;
    this.failures = 0;
    if (this.shortLived <= 1) {
      this.dial();
      return;
    }
    this.become('connecting');
    this.redialAt(nowMs + backoffMs(FLAPPING_BACKOFF, this.shortLived - 2, random));
  }

  private backOff(failure: CallStatus | undefined): void {
    const { clock, random } = this.host.connectOptions.runtime;
    this.failure = failure ?? this.failure;
    this.become('backoff');
    const delay = backoffMs(DIAL_BACKOFF, this.failures, random);
    this.failures++;
    this.redialAt(
      clock.now() + (this.host.wanted() ? Math.min(delay, MAX_WANTED_BACKOFF_MS) : delay),
    );
  }

  private hurry(): void {
    const { clock } = this.host.connectOptions.runtime;
    const latest = clock.now() + MAX_WANTED_BACKOFF_MS;
    if (this.retryAtMs > latest) this.redialAt(latest);
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
}

/** What an endpoint is told apart by. */
export function endpointKey({ address, authority, serverName }: ResolvedEndpoint): string {
  return [formatAddress(address), authority, serverName].join(' ');
}
