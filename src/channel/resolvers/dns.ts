import { isIP } from 'node:net';

import { formatHostPort, isLoopback, parseHostPort } from '../../core/address.ts';
import type { Timer } from '../../core/clock.ts';
import { ConfigError, describe } from '../../core/errors.ts';
import type { CallRuntime } from '../../core/call-runtime.ts';
import { backoffMs } from '../../policies/backoff.ts';
import type { Resolver, ResolverFactory, ResolverListener } from '../resolver.ts';
import type { ResolvedEndpoint, Target } from '../target.ts';
import { hasNone } from './dns-query.ts';
import type { Dns, OpenDns } from './dns-records.ts';
import { openDns } from './dns-records.ts';
import { ServiceQuestion, serviceName } from './dns-service.ts';
import { fixedResolver } from './static.ts';
import { UpdateGate } from './update-gate.ts';

/** How often names are asked for again, in ms, ±20 %: grpc-js alone never sees a scale-up. */
const REFRESH_MS = 30_000;

/** Least time between two questions, in ms, however many connections break. */
const MIN_INTERVAL_MS = 1_000;

/** After a question that failed, or found nothing: as a dial, but no rarer than a refresh. */
const RETRY = { initialMs: 1_000, multiplier: 1.6, maxMs: REFRESH_MS, jitter: 0.2 };

/** A question that takes longer, in ms, has failed for now; its answer is used when it comes. */
const PATIENCE_MS = 5_000;

/** Questions open at a time: the system's own cannot be taken back. */
const MAX_OPEN = 4;

const HTTPS_PORT = 443;
const DNS_PORT = 53;

/**
 * DNS (gRPC's naming.md). `dns:///host:port` takes all A and AAAA records that the system finds,
 * /etc/hosts included; without a port, 443. `dns://1.2.3.4:53/host:port` asks that server.
 * `dns:///_grpc._tcp.orders.example.com` asks for SRV records, which tell the ports; its servers
 * go by `orders.example.com`, in `:authority` and in their certificates.
 *
 * Asks again every 30 s ± 20 % and, at most once a second, when a connection is lost; after a
 * failure, an empty answer or 5 s of silence, in 1 s × 1.6 ± 20 % up to 30 s. The last good list
 * stays in use meanwhile; empty answers are believed after 30 s of nothing else.
 */
export function dnsResolver(open: OpenDns = openDns): ResolverFactory {
  return (target, runtime) => {
    const { path, uri } = target;
    const what = `target '${uri}'`;
    const server = serverOf(target, what);
    if (path.startsWith('_')) {
      const name = serviceName(path, what);
      const dns = open(runtime.clock, server);
      const question = new ServiceQuestion(dns, path, name);
      return new DnsResolver(path, false, () => question.ask(), dns, runtime);
    }
    const { host, port } = parseHostPort(path, what, HTTPS_PORT);
    const authority = formatHostPort(host, port);
    const endpoint = (address: string): ResolvedEndpoint => ({
      address: { kind: 'tcp', host: address, port },
      authority,
      serverName: host,
    });
    if (isIP(host) !== 0) return fixedResolver([endpoint(host)]);
    const dns = open(runtime.clock, server);
    const ask = async () => (await dns.addresses(host)).map(endpoint);
    // A server of one's own may say anything of `localhost`.
    return new DnsResolver(host, server === undefined && isLoopback(host), ask, dns, runtime);
  };
}

/** The DNS server that a target names, as `ip:port`. */
function serverOf({ authority }: Target, what: string): string | undefined {
  if (authority === '') return undefined;
  const { host, port } = parseHostPort(authority, what, DNS_PORT);
  if (isIP(host) !== 0 && port !== 0) return formatHostPort(host, port);
  throw new ConfigError(
    `'${authority}' in ${what} is no DNS server: write its IP address, as in dns://10.0.0.53/orders`,
  );
}

class DnsResolver implements Resolver {
  readonly loopback: boolean;
  private readonly name: string;
  private readonly question: () => Promise<readonly ResolvedEndpoint[]>;
  private readonly dns: Dns;
  private readonly runtime: CallRuntime;
  private gate: UpdateGate | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private open = 0;
  private asked = 0;
  /** The number of the question that is waited for. */
  private current: number | undefined = undefined;
  /** The number of the newest question that was answered: older answers come too late. */
  private answered = 0;
  private failures = 0;
  /** Nothing is asked before. */
  private earliestMs = Number.NEGATIVE_INFINITY;

  constructor(
    name: string,
    loopback: boolean,
    question: () => Promise<readonly ResolvedEndpoint[]>,
    dns: Dns,
    runtime: CallRuntime,
  ) {
    this.name = name;
    this.loopback = loopback;
    this.question = question;
    this.dns = dns;
    this.runtime = runtime;
  }

  start(listener: ResolverListener): void {
    this.gate = new UpdateGate(this.runtime.clock, listener, this.loopback);
    this.ask();
  }

  resolveNow(): void {
    if (this.gate === undefined || this.current !== undefined) return;
    if (this.runtime.clock.now() >= this.earliestMs) this.ask();
    else this.askAt(this.earliestMs);
  }

  close(): void {
    this.gate = undefined;
    this.timer?.clear();
    this.dns.close();
  }

  private ask(): void {
    if (this.open === MAX_OPEN) {
      this.askLater();
      return;
    }
    const { clock } = this.runtime;
    const number = ++this.asked;
    this.current = number;
    this.open++;
    this.earliestMs = clock.now() + MIN_INTERVAL_MS;
    this.timer?.clear();
    this.timer = clock.setTimer(clock.now() + PATIENCE_MS, () => {
      this.failed(number, `no answer within ${PATIENCE_MS} ms`);
    });
    void this.settle(number);
  }

  private async settle(number: number): Promise<void> {
    let none = 'there are no addresses';
    let endpoints: readonly ResolvedEndpoint[] = [];
    try {
      endpoints = await this.question();
    } catch (error) {
      if (!hasNone(error)) {
        this.open--;
        this.failed(number, describe(error));
        return;
      }
      none = describe(error);
    }
    this.open--;
    if (this.gate === undefined || number < this.answered) return;
    this.answered = number;
    if (endpoints.length > 0) this.gate.list(endpoints);
    else this.gate.none(`The name '${this.name}' does not resolve to an address: ${none}`);
    // The answer to an older question does not end the wait for a newer one.
    if (this.current !== undefined && this.current !== number) return;
    this.current = undefined;
    if (endpoints.length === 0) this.askLater();
    else this.askInTime();
  }

  /** A question is given up on once: after it failed, or for its silence. */
  private failed(number: number, why: string): void {
    if (this.gate === undefined || this.current !== number) return;
    this.current = undefined;
    this.gate.failed(`The name '${this.name}' does not resolve: ${why}`);
    this.askLater();
  }

  private askInTime(): void {
    const { clock, random } = this.runtime;
    this.failures = 0;
    this.askAt(clock.now() + REFRESH_MS * (0.8 + 0.4 * random()));
  }

  private askLater(): void {
    const { clock, random } = this.runtime;
    this.earliestMs = clock.now() + backoffMs(RETRY, this.failures++, random);
    this.askAt(this.earliestMs);
  }

  private askAt(atMs: number): void {
    this.timer?.clear();
    this.timer = this.runtime.clock.setTimer(atMs, () => this.ask());
  }
}
