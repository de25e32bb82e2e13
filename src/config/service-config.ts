import type { ChannelPolicy, MethodPolicy, PolicyDocument } from '../policies/policy.ts';
import { ConfigNode } from './config-node.ts';
import type { ReadingLog } from './config-node.ts';
import { channelPolicyOf } from './service-config-channel.ts';
import { retryPolicyOf } from './service-config-retry.ts';

/**
 * A policy that was written as a gRPC service config, whose rules are kept: of its entries the one
 * that names a method most exactly holds alone, and its timeout bounds what a call asks for.
 */
export interface ServiceConfigDocument extends PolicyDocument {
  readonly serviceConfig: true;
}

/** The top-level keys by which a service config is known (grpc/service_config.proto). */
const KEYS = [
  'methodConfig',
  'loadBalancingConfig',
  'loadBalancingPolicy',
  'retryThrottling',
  'healthCheckConfig',
] as const;

/** A document of one of the keys of a service config, and of none of a policy's. */
export function looksLikeServiceConfig(data: unknown): data is object {
  if (typeof data !== 'object' || data === null) return false;
  const own = ['defaults', 'methods', 'channel'];
  return KEYS.some((key) => key in data) && !own.some((key) => key in data);
}

/** Whether a document was a service config. */
export function isServiceConfig(document: PolicyDocument): document is ServiceConfigDocument {
  return 'serviceConfig' in document;
}

/**
 * Reads a gRPC service config (service_config.md, A6, A17, A50). Keys that nobody knows are left
 * alone, as gRPC does; keys that gRPC knows and inboard does not are warned of.
 *
 * - A `retryPolicy` is its author's word that the method may run twice: it makes it idempotent.
 * - `retryThrottling` becomes a budget: `tokenRatio` a call, and over 10 s the half of `maxTokens`
 *   that it lets fail before it throttles.
 */
export function readServiceConfig(data: object, log: ReadingLog): ServiceConfigDocument {
  const top = new ConfigNode(data, [], log);
  const channel = channelPolicyOf(top);
  return { ...methodPolicies(top), ...channelEntry(channel), serviceConfig: true };
}

function channelEntry(channel: ChannelPolicy): { channel?: ChannelPolicy } {
  return Object.keys(channel).length === 0 ? {} : { channel };
}

function methodPolicies(top: ConfigNode): Pick<PolicyDocument, 'defaults' | 'methods'> {
  const methods = new Map<string, MethodPolicy>();
  let defaults: MethodPolicy | undefined;
  const taken = new Set<string>();
  for (const config of top.get('methodConfig').items()) {
    config.keys();
    const policy = methodPolicyOf(config);
    const names = config.get('name').items();
    if (names.length === 0) config.warn('names no method, and so applies to none; add a name');
    for (const node of names) {
      const name = nameOf(node);
      if (name === undefined) continue;
      if (taken.has(name)) node.refuse('is named by another entry as well; name it once');
      taken.add(name);
      if (name === '') defaults = policy;
      else methods.set(name, policy);
    }
  }
  return {
    ...(defaults === undefined ? {} : { defaults }),
    ...(methods.size === 0 ? {} : { methods: Object.fromEntries(methods) }),
  };
}

/** `package.Service/Method`, `package.Service`, or nothing for all methods of all services. */
function nameOf(node: ConfigNode): string | undefined {
  node.keys();
  const service = node.get('service').text() ?? '';
  const method = node.get('method').text() ?? '';
  if (service === '' && method !== '') {
    node.refuse('has a method of no service; add the service');
    return undefined;
  }
  return method === '' ? service : `${service}/${method}`;
}

function methodPolicyOf(config: ConfigNode): MethodPolicy {
  const timeoutMs = config.get('timeout').durationMs();
  const waitForReady = config.get('waitForReady').flag();
  for (const key of ['maxRequestMessageBytes', 'maxResponseMessageBytes']) {
    const limit = config.get(key);
    if (limit.given) limit.warn("has no effect; set the channel's and the server's limits in code");
  }
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(waitForReady === undefined ? {} : { waitForReady }),
    ...retryPolicyOf(config),
  };
}
