import type { BalancerFactory } from '../channel/balancer.ts';
import { Channel } from '../channel/channel.ts';
import type { ChannelSettings } from '../channel/channel-settings.ts';
import { leastRequest } from '../channel/pickers/least-request.ts';
import { peakEwma } from '../channel/pickers/peak-ewma.ts';
import { pickFirst } from '../channel/pickers/pick-first.ts';
import { roundRobin } from '../channel/pickers/round-robin.ts';
import type { ResolverFactory } from '../channel/resolver.ts';
import { dnsResolver } from '../channel/resolvers/dns.ts';
import { fileResolver } from '../channel/resolvers/file.ts';
import { staticResolver, unixResolver } from '../channel/resolvers/static.ts';
import { parseTarget, shownTarget } from '../channel/target.ts';
import { checkChannelPolicy } from '../config/check-policy.ts';
import { effectiveChannelPolicy } from '../config/effective-policy.ts';
import type { PolicySource } from '../config/policy-source.ts';
import type { CallCredentials, ChannelCredentials } from '../core/credentials.ts';
import { insecure, tls } from '../core/credentials.ts';
import { checkAllPositive, checkPositive } from '../core/checks.ts';
import type { ServiceDefinition } from '../core/definition.ts';
import { ConfigError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Keepalive, Limits, Transport } from '../core/transport.ts';
import { DEFAULT_KEEPALIVE, DEFAULT_LIMITS } from '../core/transport.ts';
import { VERSION } from '../core/version.ts';
import type { BalancerName, ChannelPolicy } from '../policies/policy.ts';
import type { ClientOptions } from './create-client.ts';

/** What a channel is told where it is made. */
export interface ChannelOptions extends Omit<ChannelPolicy, 'balancer'> {
  /** Default: plaintext to loopback and unix sockets, `tls()` to everywhere else. */
  readonly credentials?: ChannelCredentials;
  /** Metadata made for each attempt, such as a token. Never sent in plaintext. */
  readonly callCredentials?: CallCredentials;
  /** One that comes with inboard, or your own. Default `'peak_ewma'`. */
  readonly balancer?: BalancerName | BalancerFactory;
  /** Resolvers of schemes of your own, and in place of `dns`, `static` and `unix`. */
  readonly resolvers?: Readonly<Record<string, ResolverFactory>>;
  /** TCP, TLS and SETTINGS together, in ms. Default 20 000. */
  readonly connectTimeoutMs?: number;
  /** Default a ping after 5 min of silence under waiting calls, answered within 10 s. */
  readonly keepalive?: Partial<Keepalive>;
  readonly limits?: Partial<Limits>;
  /** A policy that stands over these options, and may change meanwhile: `policyFile()`. */
  readonly policy?: PolicySource;
  readonly transport?: Transport;
  readonly runtime?: Runtime;
}

export interface ChannelDefaults {
  readonly transport: Transport;
  readonly runtime: Runtime;
}

const RESOLVERS: Readonly<Record<string, ResolverFactory>> = {
  dns: dnsResolver(),
  file: fileResolver,
  static: staticResolver,
  unix: unixResolver,
};

const BALANCERS: Readonly<Record<BalancerName, BalancerFactory>> = {
  peak_ewma: peakEwma,
  least_request: leastRequest,
  round_robin: roundRobin,
  pick_first: pickFirst,
};

/** Options that are no policy. A client that makes its own channel hands all of its options on. */
const OTHER_OPTIONS: readonly (keyof ChannelOptions | keyof ClientOptions<ServiceDefinition>)[] = [
  'credentials',
  'callCredentials',
  'resolvers',
  'connectTimeoutMs',
  'keepalive',
  'limits',
  'transport',
  'runtime',
  'methods',
  'defaults',
  'policy',
  'interceptors',
  'stack',
];

/** Puts a channel together from its target and options. */
export function makeChannel(
  target: string,
  options: ChannelOptions,
  defaults: ChannelDefaults,
): Channel {
  const { transport = defaults.transport, runtime = defaults.runtime } = options;
  checkChannelPolicy(options, OTHER_OPTIONS);
  const resolver = makeResolver(target, options, runtime);
  const channel = new Channel({
    target: shownTarget(target),
    resolver,
    transport,
    settingsOf: (policy) => settingsOf(options, policy),
    callCredentials: options.callCredentials,
    runtime,
    connectOptions: {
      credentials:
        options.credentials ?? (transport.local === true || resolver.loopback ? insecure() : tls()),
      connectTimeoutMs: checkPositive('connectTimeoutMs', options.connectTimeoutMs ?? 20_000),
      keepalive: checkAllPositive('keepalive', { ...DEFAULT_KEEPALIVE, ...options.keepalive }),
      limits: checkAllPositive('limits', { ...DEFAULT_LIMITS, ...options.limits }),
      userAgent: `inboard/${VERSION}`,
    },
  });
  if (options.policy !== undefined) channel.follow(options.policy);
  return channel;
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

/** What holds once a policy is laid over the options. */
function settingsOf(options: ChannelOptions, policy: ChannelPolicy): ChannelSettings {
  checkChannelPolicy(policy);
  const { policy: settled, sources } = effectiveChannelPolicy<BalancerFactory>(options, {
    channel: policy,
  });
  const { balancer, ...rest } = settled;
  const own = typeof balancer === 'function';
  return {
    ...rest,
    balancer: own ? balancer : BALANCERS[balancer],
    told: { policy: { ...rest, balancer: own ? 'custom' : balancer }, sources },
  };
}
