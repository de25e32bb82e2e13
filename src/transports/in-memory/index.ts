import type { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../../core/client-call.ts';
import { ListenError, RpcError } from '../../core/errors.ts';
import type { Payload } from '../../core/method.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type {
  Address,
  Connection,
  ConnectionState,
  ConnectOptions,
  Dispatch,
  Limits,
  Listener,
  ListenOptions,
  Transport,
} from '../../core/transport.ts';
import { formatAddress } from '../../core/address.ts';
import { Exchange } from '../exchange.ts';
import type { ClientEnd } from './pipe.ts';
import { openPipe } from './pipe.ts';

/** The first port handed out where 0 was asked for. */
const FIRST_PORT = 1;

/**
 * Calls without a socket, for tests: the whole stack runs and messages are encoded, so a test over
 * it proves what one over a socket does, but for the network. Connects only what listens on the
 * same transport.
 */
export function inMemoryTransport(): Transport {
  const listeners = new Map<string, InMemoryListener>();
  let nextPort = FIRST_PORT;
  return {
    name: 'in-memory',
    local: true,
    connect: (address, options) => new InMemoryConnection(address, options, listeners),
    async listen(address, options, dispatch) {
      const bound =
        address.kind === 'tcp' && address.port === 0 ? { ...address, port: nextPort++ } : address;
      const name = formatAddress(bound);
      if (listeners.has(name)) {
        throw new ListenError(name, `${name} is in use: another in-memory server listens on it`);
      }
      const listener = new InMemoryListener(bound, options, dispatch, () => listeners.delete(name));
      listeners.set(name, listener);
      return listener;
    },
  };
}

class InMemoryListener implements Listener {
  readonly address: Address;
  readonly limits: Limits;
  readonly dispatch: Dispatch;
  readonly connections = new Set<InMemoryConnection>();
  private readonly remove: () => void;

  constructor(address: Address, options: ListenOptions, dispatch: Dispatch, remove: () => void) {
    this.address = address;
    this.limits = options.limits;
    this.dispatch = dispatch;
    this.remove = remove;
  }

  async drain(): Promise<void> {
    this.remove();
    await Promise.all([...this.connections].map((connection) => connection.drained()));
  }

  async close(): Promise<void> {
    this.remove();
    for (const connection of this.connections) connection.close();
  }
}

class InMemoryConnection implements Connection {
  state: ConnectionState = 'connecting';
  failure: CallStatus | undefined = undefined;
  readonly secure = false;
  readonly peer: string;
  private readonly options: ConnectOptions;
  private readonly ends = new Set<ClientEnd>();
  private readonly stateListeners: ((state: ConnectionState) => void)[] = [];
  private listener: InMemoryListener | undefined = undefined;

  constructor(address: Address, options: ConnectOptions, listeners: Map<string, InMemoryListener>) {
    this.peer = formatAddress(address);
    this.options = options;
    queueMicrotask(() => this.open(listeners.get(this.peer)));
  }

  get inFlight(): number {
    return this.ends.size;
  }

  onStateChange(listener: (state: ConnectionState) => void): void {
    this.stateListeners.push(listener);
  }

  invoke(call: ClientCall, extra?: Metadata): Promise<Payload> {
    const { listener } = this;
    if (this.state !== 'ready' || listener === undefined) {
      const details = `The connection to ${this.peer} is ${this.state}`;
      const status = { code: Status.UNAVAILABLE, details, processed: 'no' as const };
      return Promise.reject(new RpcError(call.method.path, status));
    }
    let end: ClientEnd | undefined;
    const exchange = new Exchange(call, extra, () => {
      if (end !== undefined) this.ends.delete(end);
      if (this.ends.size === 0 && this.state === 'draining') this.close();
    });
    const open = (): ClientEnd => {
      end = openPipe(call, exchange, listener, this.options.authority);
      this.ends.add(end);
      return end;
    };
    return exchange.run(open, this.options.limits);
  }

  drain(): void {
    if (this.state === 'closed') return;
    if (this.ends.size === 0) this.close();
    else this.become('draining');
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.onStateChange((state) => {
        if (state === 'closed') resolve();
      });
      this.drain();
    });
  }

  close(): void {
    if (this.state === 'closed') return;
    this.listener?.connections.delete(this);
    const status = { code: Status.UNAVAILABLE, details: 'Connection dropped' };
    for (const end of this.ends) end.drop(status);
    this.become('closed');
  }

  private open(listener: InMemoryListener | undefined): void {
    if (this.state !== 'connecting') return;
    if (listener === undefined) {
      const details = `Cannot connect to ${this.peer}: nothing listens there in memory`;
      this.failure = { code: Status.UNAVAILABLE, details, processed: 'no' };
      this.become('closed');
      return;
    }
    this.listener = listener;
    listener.connections.add(this);
    this.become('ready');
  }

  private become(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}
