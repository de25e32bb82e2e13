import type { BalancerFactory } from '../channel/balancer.ts';
import { Channel } from '../channel/channel.ts';
import { pickFirst } from '../channel/pickers/pick-first.ts';
import { roundRobin } from '../channel/pickers/round-robin.ts';
import type { ResolverFactory } from '../channel/resolver.ts';
import { dnsResolver } from '../channel/resolvers/dns.ts';
import { staticResolver, unixResolver } from '../channel/resolvers/static.ts';
import { parseTarget } from '../channel/target.ts';
import type { CallCredentials, ChannelCredentials } from '../core/credentials.ts';
import { insecure, tls } from '../core/credentials.ts';
import { checkAllPositive, checkPositive } from '../core/checks.ts';
import { ConfigError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Keepalive, Limits, Transport } from '../core/transport.ts';
import { DEFAULT_KEEPALIVE, DEFAULT_LIMITS } from '../core/transport.ts';
import { VERSION } from '../core/version.ts';

/** What a channel is told where it is made. */
export interface ChannelOptions {
  /** Default: plaintext to loopback and unix sockets, `tls()` to everywhere else. */
  readonly credentials?: ChannelCredentials;
  /** Metadata made for each attempt, such as a token. Never sent in plaintext. */
  readonly callCredentials?: CallCredentials;
  /** Default `'round_robin'`. */
  readonly balancer?: 'round_robin' | 'pick_first' | BalancerFactory;
  /** Resolvers of schemes of your own, and in place of `dns`, `static` and `unix`. */
  readonly resolvers?: Readonly<Record<string, ResolverFactory>>;
  /** TCP, TLS and SETTINGS together, in ms. Default 20 000. */
  readonly connectTimeoutMs?: number;
  /** Default a ping after 5 min of silence under waiting calls, answered within 10 s. */
  readonly keepalive?: Partial<Keepalive>;
  readonly limits?: Partial<Limits>;
  readonly transport?: Transport;
  readonly runtime?: Runtime;
}

export interface ChannelDefaults {
  readonly transport: Transport;
  readonly runtime: Runtime;
}

const RESOLVERS: Readonly<Record<string, ResolverFactory>> = {
  dns: dnsResolver(),
  static: staticResolver,
  unix: unixResolver,
};

/** Puts a channel together from its target and options. */
export function makeChannel(
  target: string,
  options: ChannelOptions,
  defaults: ChannelDefaults,
): Channel {
  const { transport = defaults.transport, runtime = defaults.runtime } = options;
  const resolver = makeResolver(target, options, runtime);
  return new Channel({
    target,
    resolver,
    transport,
    balancer: balancerOf(options.balancer ?? 'round_robin')(runtime),
    callCredentials: options.callCredentials,
    connectOptions: {
      runtime,
      credentials:
        options.credentials ?? (transport.local === true || resolver.loopback ? insecure() : tls()),
      connectTimeoutMs: checkPositive('connectTimeoutMs', options.connectTimeoutMs ?? 20_000),
      keepalive: checkAllPositive('keepalive', { ...DEFAULT_KEEPALIVE, ...options.keepalive }),
      limits: checkAllPositive('limits', { ...DEFAULT_LIMITS, ...options.limits }),
      userAgent: `inboard/${VERSION}`,
    },
  });
}

function makeResolver(
  text: string,
  options: ChannelOptions,
  runtime: Runtime,
): ReturnType<ResolverFactory> {
  const resolvers = { ...RESOLVERS, ...options.resolvers };
  const target = parseTarget(text);
  const factory = Object.hasOwn(resolvers, target.scheme) ? resolvers[target.scheme] : undefined;
  if (factory === undefined) {
    const known = Object.keys(resolvers).join(', ');
    throw new ConfigError(
      `No resolver for '${target.scheme}:' in target '${text}'; known: ${known}`,
    );
  }
  return factory(target, runtime);
}

function balancerOf(balancer: 'round_robin' | 'pick_first' | BalancerFactory): BalancerFactory {
  if (typeof balancer === 'function') return balancer;
  const factories = { round_robin: roundRobin, pick_first: pickFirst };
  if (Object.hasOwn(factories, balancer)) return factories[balancer];
  throw new ConfigError(`No balancer '${balancer as string}'; known: round_robin, pick_first`);
}
