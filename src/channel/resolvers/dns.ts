import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';

import { formatHostPort, isLoopback, parseHostPort } from '../../core/address.ts';
import type { Timer } from '../../core/clock.ts';
import { ConfigError, describe } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { Status } from '../../core/status.ts';
import type { Resolver, ResolverFactory, ResolverListener } from '../resolver.ts';
import type { ResolvedEndpoint } from '../target.ts';

/** How often names are asked for again, in ms, ±20 %: grpc-js alone never sees a scale-up. */
const REFRESH_MS = 30_000;

/** Least time between two questions, in ms, however many connections break. */
const MIN_INTERVAL_MS = 1_000;

const HTTPS_PORT = 443;

/** Looks a name up; replaced in tests. */
export type Lookup = (host: string) => Promise<readonly LookupAddress[]>;

const systemLookup: Lookup = (host) => lookup(host, { all: true, order: 'verbatim' });

/** `dns:///host:port`: all A and AAAA records, asked for again by timer and on disconnect. */
export function dnsResolver(lookupHost: Lookup = systemLookup): ResolverFactory {
  return (target, runtime) => {
    const { authority, path, uri } = target;
    if (authority !== '') {
      throw new ConfigError(
        `'${uri}': a DNS server in the target is not supported: write dns:///${path}`,
      );
    }
    const { host, port } = parseHostPort(path, `target '${uri}'`, HTTPS_PORT);
    return new DnsResolver(host, port, runtime, lookupHost);
  };
}

class DnsResolver implements Resolver {
  readonly loopback: boolean;
  private readonly host: string;
  private readonly port: number;
  private readonly runtime: Runtime;
  private readonly lookupHost: Lookup;
  private listener: ResolverListener | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private asking = false;
  private lastAskedMs = Number.NEGATIVE_INFINITY;

  constructor(host: string, port: number, runtime: Runtime, lookupHost: Lookup) {
    this.host = host;
    this.port = port;
    this.runtime = runtime;
    this.lookupHost = lookupHost;
    this.loopback = isLoopback(host);
  }

  start(listener: ResolverListener): void {
    this.listener = listener;
    void this.ask();
  }

  resolveNow(): void {
    if (this.listener === undefined || this.asking) return;
    const { clock } = this.runtime;
    const earliest = this.lastAskedMs + MIN_INTERVAL_MS;
    if (clock.now() >= earliest) void this.ask();
    else this.askAt(earliest);
  }

  close(): void {
    this.listener = undefined;
    this.timer?.clear();
  }

  private async ask(): Promise<void> {
    const { clock, random } = this.runtime;
    this.timer?.clear();
    this.asking = true;
    this.lastAskedMs = clock.now();
    try {
      const addresses = await this.lookupHost(this.host);
      if (addresses.length === 0) throw new Error('no address');
      this.listener?.endpoints(addresses.map(({ address }) => this.endpoint(address)));
    } catch (error) {
      const details = `The name '${this.host}' does not resolve: ${describe(error)}`;
      this.listener?.error({ code: Status.UNAVAILABLE, details, processed: 'no' });
    }
    this.asking = false;
    if (this.listener !== undefined) this.askAt(clock.now() + REFRESH_MS * (0.8 + 0.4 * random()));
  }

  private askAt(atMs: number): void {
    this.timer?.clear();
    this.timer = this.runtime.clock.setTimer(atMs, () => void this.ask());
  }

  private endpoint(host: string): ResolvedEndpoint {
    const address = { kind: 'tcp', host, port: this.port } as const;
    const authority = formatHostPort(this.host, this.port);
    return { address, authority, serverName: this.host };
  }
}
