import type { Address, ConnectOptions, Transport } from '../core/transport.ts';
import type { Where } from './fault-rules.ts';
import { EVERYWHERE, FaultRules, matcher } from './fault-rules.ts';
import type { Dialling, FaultyNetwork } from './faulty-connection.ts';
import { FaultyConnection } from './faulty-connection.ts';

/**
 * A transport whose network a test breaks. What concerns connecting, and the delay, hold until
 * they are said otherwise of the same addresses: the last that fits an address counts. Without
 * an address they concern all of them. A text that is no `host:port` throws a `ConfigError`.
 */
export interface FaultyTransport extends Transport {
  /** New connections fail at once, as where nothing listens. Open ones go on. */
  refuse(where?: Where): void;
  /**
   * New connections never become ready, as where packets are lost: they fail after the client's
   * `connectTimeoutMs`, or go on when it is healed before.
   */
  stall(where?: Where): void;
  /**
   * Each call that is begun takes this long to get to the server, in ms of the client's clock. A
   * call that is cancelled or whose connection breaks meanwhile never gets there. Throws a
   * `RangeError` for anything but 0 or more.
   */
  delay(where: Where, ms: number): void;
  /** Connections work from now on, without delay: without an address, all of them. */
  heal(where?: Where): void;
  /**
   * Breaks the connections that are open: calls in flight fail with UNAVAILABLE. The client may
   * connect anew, unless `refuse` or `stall` was said. Returns how many there were.
   */
  break(where?: Where): number;
  /**
   * Tells the open connections goodbye, as a server's GOAWAY does: calls in flight go on, new
   * ones go to a new connection. Returns how many connections there were.
   */
  drain(where?: Where): number;
}

/**
 * Puts faults that a test drives between clients and the transport they use. Listening is left
 * as it is.
 *
 * ```ts
 * const net = faultyTransport(inMemoryTransport());
 * await using pair = await testPair(OrdersServiceDefinition, orders, { transport: net });
 * net.break(`127.0.0.1:${pair.port}`); // calls in flight fail
 * net.refuse((address) => address.startsWith('127.')); // and nobody gets a new connection
 * net.heal();
 * ```
 */
export function faultyTransport(transport: Transport): FaultyTransport {
  return new Faulty(transport);
}

class Faulty implements FaultyTransport, FaultyNetwork {
  readonly name: string;
  readonly local: boolean;
  readonly listen: Transport['listen'];
  private readonly transport: Transport;
  private readonly dials = new FaultRules<Dialling>();
  private readonly delays = new FaultRules<number>();
  private readonly open = new Set<FaultyConnection>();

  constructor(transport: Transport) {
    this.transport = transport;
    this.name = `faulty ${transport.name}`;
    this.local = transport.local ?? false;
    this.listen = transport.listen.bind(transport);
  }

  connect(address: Address, options: ConnectOptions): FaultyConnection {
    const connection = new FaultyConnection(address, options, this);
    this.open.add(connection);
    return connection;
  }

  refuse(where: Where = EVERYWHERE): void {
    this.dials.set(where, 'refuse');
  }

  stall(where: Where = EVERYWHERE): void {
    this.dials.set(where, 'stall');
  }

  delay(where: Where, ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`A call is delayed by 0 ms or more, not by ${ms}`);
    this.delays.set(where, ms);
  }

  heal(where?: Where): void {
    if (where === undefined) {
      this.dials.clear();
      this.delays.clear();
    } else {
      this.dials.set(where, 'normal');
      this.delays.set(where, 0);
    }
    for (const connection of this.open) connection.healed();
  }

  break(where: Where = EVERYWHERE): number {
    const struck = this.at(where);
    for (const connection of struck) connection.close();
    return struck.length;
  }

  drain(where: Where = EVERYWHERE): number {
    const struck = this.at(where);
    for (const connection of struck) connection.drain();
    return struck.length;
  }

  dial(address: Address, options: ConnectOptions): ReturnType<Transport['connect']> {
    return this.transport.connect(address, options);
  }

  dialling(address: string): Dialling {
    return this.dials.of(address) ?? 'normal';
  }

  delayMs(address: string): number {
    return this.delays.of(address) ?? 0;
  }

  closed(connection: FaultyConnection): void {
    this.open.delete(connection);
  }

  /** A list, for a client may connect anew while its connection is struck. */
  private at(where: Where): FaultyConnection[] {
    const matches = matcher(where);
    return [...this.open].filter(({ peer }) => matches(peer));
  }
}
