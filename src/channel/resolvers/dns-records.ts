import type { SrvRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';

import type { Clock } from '../../core/clock.ts';
import type { Query } from './dns-query.ts';
import { hasNone, query } from './dns-query.ts';

/** When one address family has answered, the other one is waited for this long, in ms. */
const OTHER_FAMILY_MS = 2_000;

/** Asks for records. Rejects, with the code ENOTFOUND or ENODATA where there are none. */
export interface Dns {
  /** All A and AAAA records. */
  addresses(host: string): Promise<readonly string[]>;
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** Gives up on all questions that are open. */
  close(): void;
}

/** `server`: the one to ask, as `ip:port`. Default what the system is set up for. */
export type OpenDns = (clock: Clock, server: string | undefined) => Dns;

/**
 * Without a server, addresses are those of the system, /etc/hosts included; SRV records, which the
 * system has no way to ask for, come from its name servers, whose list is read for each question.
 */
export const openDns: OpenDns = (clock, server) => {
  const queries = new Queries(clock, () => (server === undefined ? systemServers() : [server]));
  return {
    addresses: (host) =>
      server === undefined ? queries.systemAddresses(host) : queries.addresses(host),
    srv: async (name) => queries.start((resolver) => resolver.resolveSrv(name)).answer,
    close: () => queries.close(),
  };
};

function systemServers(): readonly string[] {
  return new Resolver().getServers();
}

/** The questions that are open. */
class Queries {
  private readonly clock: Clock;
  private readonly servers: () => readonly string[];
  private readonly open = new Set<Query<unknown>>();
  private closed = false;

  constructor(clock: Clock, servers: () => readonly string[]) {
    this.clock = clock;
    this.servers = servers;
  }

  start<T>(ask: (resolver: Resolver) => Promise<T>): Query<T> {
    this.checkOpen();
    const started = query(this.clock, this.servers(), ask);
    this.open.add(started);
    const over = (): void => void this.open.delete(started);
    started.answer.then(over, over);
    return started;
  }

  async systemAddresses(host: string): Promise<readonly string[]> {
    this.checkOpen();
    const found = await lookup(host, { all: true, order: 'verbatim' });
    return found.map(({ address }) => address);
  }

  /** Some servers never answer for AAAA: that must not keep back the A records, nor drop them. */
  async addresses(host: string): Promise<readonly string[]> {
    const queries = [
      this.start((resolver) => resolver.resolve4(host)),
      this.start((resolver) => resolver.resolve6(host)),
    ];
    const answers = queries.map(({ answer }) => answer);
    const hurry = (): void => queries.forEach((started) => started.cancel());
    const enough = Promise.any(answers).then(
      () => this.clock.setTimer(this.clock.now() + OTHER_FAMILY_MS, hurry),
      () => undefined,
    );
    const settled = await Promise.allSettled(answers);
    (await enough)?.clear();
    const found = settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (found.length > 0) return found;
    const errors = settled.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as Error] : [],
    );
    const failure = errors.find((error) => !hasNone(error)) ?? errors[0];
    if (failure !== undefined) throw failure;
    return [];
  }

  close(): void {
    this.closed = true;
    for (const started of this.open) started.cancel();
  }

  /** A service with many targets has more to ask: not after the end. */
  private checkOpen(): void {
    if (this.closed) throw new Error('nobody waits for the answer');
  }
}
