import type { SrvRecord } from 'node:dns';

import { ConfigError } from '../../core/errors.ts';
import type { ResolvedEndpoint } from '../target.ts';
import { hasNone } from './dns-query.ts';
import type { Dns } from './dns-records.ts';

/** Targets of SRV records that are looked up at a time, to be gentle to sockets and servers. */
const AT_A_TIME = 32;

/**
 * The name that servers of `_service._proto.name` go by: what comes after the two labels. Where a
 * record points to is up to whoever answers DNS, so that name proves nothing (RFC 2782, RFC 6125).
 */
export function serviceName(service: string, what: string): string {
  const name = /^_[a-z0-9-]+\._[a-z0-9-]+\.([^:/\s]+?)\.?$/i.exec(service)?.[1];
  if (name !== undefined) return name;
  throw new ConfigError(
    `'${service}' in ${what} is no SRV name: write _service._proto.name, without a port, which ` +
      'the records tell',
  );
}

/**
 * Asks where a service is: its SRV records, then the addresses of their targets (RFC 2782). Those
 * of the lowest priority that resolve are used, each with its own port; weights are not.
 */
export class ServiceQuestion {
  private readonly dns: Dns;
  private readonly service: string;
  private readonly name: string;
  /** By target, for one that cannot be asked about while its neighbours can. */
  private readonly last = new Map<string, readonly string[]>();

  constructor(dns: Dns, service: string, name: string) {
    this.dns = dns;
    this.service = service;
    this.name = name;
  }

  /** Empty when the service has records, but none of their targets an address. */
  async ask(): Promise<readonly ResolvedEndpoint[]> {
    const records = await this.dns.srv(this.service);
    const targets = new Set(records.map(({ name }) => name));
    for (const target of this.last.keys()) if (!targets.has(target)) this.last.delete(target);
    const failures: Error[] = [];
    for (const group of byPriority(records)) {
      const addresses = await this.lookUp(group, failures);
      const found = group.flatMap(({ name, port }) =>
        (addresses.get(name) ?? []).map((host) => this.endpoint(host, port)),
      );
      if (found.length > 0) return found;
    }
    if (failures[0] !== undefined) throw failures[0];
    return [];
  }

  private async lookUp(
    group: readonly SrvRecord[],
    failures: Error[],
  ): Promise<Map<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    // The target "." says that the service is not offered; it arrives as an empty name.
    const waiting = [...new Set(group.map(({ name }) => name))].filter((name) => name !== '');
    const work = async (): Promise<void> => {
      for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) {
        try {
          found.set(target, await this.addresses(target));
        } catch (error) {
          failures.push(error as Error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return found;
  }

  private async addresses(target: string): Promise<readonly string[]> {
    try {
      const found = await this.dns.addresses(target);
      this.last.set(target, found);
      return found;
    } catch (error) {
      if (hasNone(error)) {
        this.last.delete(target);
        return [];
      }
      const last = this.last.get(target);
      if (last === undefined) throw error;
      return last;
    }
  }

  private endpoint(host: string, port: number): ResolvedEndpoint {
    const address = { kind: 'tcp', host, port } as const;
    return { address, authority: this.name, serverName: this.name };
  }
}

function byPriority(records: readonly SrvRecord[]): readonly (readonly SrvRecord[])[] {
  const groups = Map.groupBy(records, ({ priority }) => priority);
  return [...groups].toSorted(([a], [b]) => a - b).map(([, group]) => group);
}
