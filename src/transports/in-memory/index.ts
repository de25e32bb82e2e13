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

/** Connections here have neither age nor idleness, and no address to count them by. */
class InMemoryListener implements Listener {
  readonly address: Address;
  readonly limits: Limits;
  readonly dispatch: Dispatch;
  private readonly open = new Set<InMemoryConnection>();
  private readonly remove: () => void;
  private readonly whenClosed = Promise.withResolvers<void>();
  private leaving = false;

  constructor(address: Address, options: ListenOptions, dispatch: Dispatch, remove: () => void) {
    this.address = address;
    this.limits = options.limits;
    this.dispatch = dispatch;
    this.remove = remove;
  }

  get connections(): number {
    return this.open.size;
  }

  opened(connection: InMemoryConnection): void {
    this.open.add(connection);
  }

  gone(connection: InMemoryConnection): void {
    this.open.delete(connection);
    this.settle();
  }

  async sayGoodbye(): Promise<void> {
    this.leave();
    for (const connection of this.open) connection.drain();
    // Calls that are on their way arrive in the next turn.
    await nextTurn();
  }

  closed(): Promise<void> {
    return this.whenClosed.promise;
  }

  async close(): Promise<void> {
    this.leave();
    // Statuses that were just sent arrive in the next turn.
    await nextTurn();
    for (const connection of this.open) connection.close();
    await this.closed();
  }

  private leave(): void {
    this.leaving = true;
    this.remove();
    this.settle();
  }

  private settle(): void {
    if (this.leaving && this.open.size === 0) this.whenClosed.resolve();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
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

  check(): ConnectionState {
    return this.state;
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

  close(): void {
    if (this.state === 'closed') return;
    const status = { code: Status.UNAVAILABLE, details: 'Connection dropped' };
    for (const end of this.ends) end.drop(status);
    this.become('closed');
    this.listener?.gone(this);
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
    listener.opened(this);
    this.become('ready');
  }

  private become(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}
