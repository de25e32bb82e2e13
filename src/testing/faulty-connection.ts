import type { Metadata } from 'nice-grpc-common';

import { formatAddress } from '../core/address.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Timer } from '../core/clock.ts';
import { RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Address, Connection, ConnectionState, ConnectOptions } from '../core/transport.ts';

/** What happens to a connection that is begun. */
export type Dialling = 'normal' | 'refuse' | 'stall';

/** What a connection is told by the network that it is part of. */
export interface FaultyNetwork {
  /** The real connection. */
  dial(address: Address, options: ConnectOptions): Connection;
  dialling(address: string): Dialling;
  /** How long a call takes to get to the server, in ms. */
  delayMs(address: string): number;
  closed(connection: FaultyConnection): void;
}

const DROPPED: CallStatus = { code: Status.UNAVAILABLE, details: 'Connection dropped' };

/** A connection that a test can keep from coming about, slow down and break. */
export class FaultyConnection implements Connection {
  state: ConnectionState = 'connecting';
  readonly peer: string;
  private readonly address: Address;
  private readonly options: ConnectOptions;
  private readonly network: FaultyNetwork;
  private readonly listeners: ((state: ConnectionState) => void)[] = [];
  /** Calls on their slow way to the server, by what ends their wait early. */
  private readonly underWay = new Set<(status: CallStatus) => void>();
  private inner: Connection | undefined = undefined;
  private refusal: CallStatus | undefined = undefined;
  private timer: Timer | undefined = undefined;

  constructor(address: Address, options: ConnectOptions, network: FaultyNetwork) {
    this.peer = formatAddress(address);
    this.address = address;
    this.options = options;
    this.network = network;
    const dialling = network.dialling(this.peer);
    if (dialling === 'normal') this.dial();
    else if (dialling === 'stall') this.stall();
    else queueMicrotask(() => this.fail('the test refuses it'));
  }

  get failure(): CallStatus | undefined {
    return this.refusal ?? this.inner?.failure;
  }

  get secure(): boolean {
    return this.inner?.secure ?? this.options.credentials.kind === 'tls';
  }

  get inFlight(): number {
    return this.underWay.size + (this.inner?.inFlight ?? 0);
  }

  onStateChange(listener: (state: ConnectionState) => void): void {
    this.listeners.push(listener);
  }

  check(): ConnectionState {
    this.inner?.check();
    return this.state;
  }

  /** Goes on with a connection that stalled, if nothing holds it up any more. */
  healed(): void {
    const stalled = this.inner === undefined && this.state === 'connecting';
    if (!stalled || this.network.dialling(this.peer) !== 'normal') return;
    this.timer?.clear();
    this.dial();
  }

  invoke(call: ClientCall, extra?: Metadata): Promise<Payload> {
    const { inner } = this;
    if (inner === undefined || this.state !== 'ready') {
      const details = `The connection to ${this.peer} is ${this.state}`;
      const status: CallStatus = { code: Status.UNAVAILABLE, details, processed: 'no' };
      return Promise.reject(new RpcError(call.method.path, this.failure ?? status));
    }
    const delayMs = this.network.delayMs(this.peer);
    if (delayMs === 0) return inner.invoke(call, extra);
    return this.wait(call, delayMs).then(() => {
      const answer = inner.invoke(call, extra);
      this.drainWhenIdle();
      return answer;
    });
  }

  drain(): void {
    if (this.state === 'closed') return;
    if (this.inFlight === 0) {
      this.close();
      return;
    }
    this.become('draining');
    this.drainWhenIdle();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.timer?.clear();
    // Nobody can tell of a call that was under way how far it got.
    for (const fail of this.underWay) fail(DROPPED);
    this.inner?.close();
    this.become('closed');
  }

  private dial(): void {
    const inner = this.network.dial(this.address, this.options);
    this.inner = inner;
    inner.onStateChange((state) => this.become(state));
  }

  private stall(): void {
    const { connectTimeoutMs, runtime } = this.options;
    this.timer = runtime.clock.setTimer(runtime.clock.now() + connectTimeoutMs, () => {
      this.fail(`no connection within ${connectTimeoutMs} ms: the test stalls it`);
    });
  }

  private fail(why: string): void {
    if (this.state === 'closed') return;
    const details = `Cannot connect to ${this.peer}: ${why}`;
    this.refusal = { code: Status.UNAVAILABLE, details, processed: 'no' };
    this.close();
  }

  /** Rejects when the call is cancelled or the connection breaks meanwhile. */
  private wait(call: ClientCall, delayMs: number): Promise<void> {
    const { clock } = call.runtime;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (status: CallStatus): void => {
      this.underWay.delete(fail);
      reject(new RpcError(call.method.path, status));
      this.drainWhenIdle();
    };
    this.underWay.add(fail);
    const timer = clock.setTimer(clock.now() + delayMs, resolve);
    const forget = call.onCancel(fail);
    return promise.finally(() => {
      timer.clear();
      forget();
      this.underWay.delete(fail);
    });
  }

  /** Calls that are still on their way count as in flight: they were taken before the goodbye. */
  private drainWhenIdle(): void {
    if (this.state === 'draining' && this.underWay.size === 0) this.inner?.drain();
  }

  private become(state: ConnectionState): void {
    if (this.state === state || this.state === 'closed') return;
    this.state = state;
    for (const listener of this.listeners) listener(state);
    if (state === 'closed') this.network.closed(this);
  }
}
