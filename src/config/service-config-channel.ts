import type {
  BalancerName,
  ChannelPolicy,
  EjectionPolicy,
  RetryBudgetPolicy,
} from '../policies/policy.ts';
import type { ConfigNode } from './config-node.ts';

/** Balancers by their names in a service config. Those that are not here are passed over. */
const BALANCERS: ReadonlyMap<string, BalancerName> = new Map([
  ['round_robin', 'round_robin'],
  ['pick_first', 'pick_first'],
  ['least_request', 'least_request'],
  ['least_request_experimental', 'least_request'],
  ['peak_ewma', 'peak_ewma'],
]);

const OUTLIER_DETECTION: ReadonlySet<string> = new Set([
  'outlier_detection',
  'outlier_detection_experimental',
]);

/** How long the reserve of a retry throttle lasts as that of a budget, in ms. */
const BUDGET_TTL_MS = 10_000;

/** The most that a budget takes. */
const MAX_RATIO = 10;

/** What a service config says of the channel. */
export function channelPolicyOf(top: ConfigNode): ChannelPolicy {
  const retryBudget = retryBudgetOf(top.get('retryThrottling'));
  const service = serviceToWatch(top.get('healthCheckConfig'));
  return {
    ...balancing(top),
    ...(retryBudget === undefined ? {} : { retryBudget }),
    ...(service === undefined ? {} : { healthCheck: { service } }),
  };
}

/** `loadBalancingPolicy` is the older key, and counts only where the newer is not there. */
function balancing(top: ConfigNode): ChannelPolicy {
  const list = top.get('loadBalancingConfig');
  if (list.given) return firstKnown(list);
  const node = top.get('loadBalancingPolicy');
  const name = node.text()?.toLowerCase();
  if (name === undefined) return {};
  const balancer = BALANCERS.get(name);
  if (balancer !== undefined) return { balancer };
  node.refuse(`is no known policy; give one of ${[...BALANCERS.keys()].join(', ')}`);
  return {};
}

/**
 * A list of policies with one key each, of which the first that is known is taken. Below outlier
 * detection that is a balancer.
 */
function firstKnown(list: ConfigNode, below?: 'below'): ChannelPolicy {
  for (const item of list.items()) {
    const [name, ...others] = item.keys();
    if (name === undefined || others.length > 0) {
      item.refuse('has to have one key; give each policy an object of its own');
      return {};
    }
    const config = item.get(name);
    if (below === undefined && OUTLIER_DETECTION.has(name)) return outlierDetection(config);
    const balancer = BALANCERS.get(name);
    if (balancer !== undefined) return { balancer };
  }
  const known = [...BALANCERS.keys()].join(', ');
  list.refuse(`has no policy that is known; add one of ${known}`, true);
  return {};
}

/** A50. What it does not say stays as inboard has it. */
function outlierDetection(config: ConfigNode): ChannelPolicy {
  config.keys();
  const percent = { min: 0, max: 100 };
  const count = { min: 0, whole: true };
  const [rate, percentage] = [
    config.get('successRateEjection'),
    config.get('failurePercentageEjection'),
  ];
  rate.keys();
  percentage.keys();
  warnOfEnforcement(rate);
  warnOfEnforcement(percentage);
  const baseMs = config.get('baseEjectionTime').durationMs();
  const maxMs = config.get('maxEjectionTime').durationMs();
  const volume =
    rate.get('requestVolume').number(count) ?? percentage.get('requestVolume').number(count);
  const minHosts = rate.get('minimumHosts').number(count);
  const ejection: { -readonly [K in keyof EjectionPolicy]?: number | undefined } = {
    intervalMs: config.get('interval').durationMs(),
    baseMs,
    // A maximum below the base counts for nothing (A50).
    maxMs: baseMs === undefined || maxMs === undefined ? maxMs : Math.max(baseMs, maxMs),
    maxPercent: config.get('maxEjectionPercent').number(percent),
    stdevFactor: rate.get('stdevFactor').number(count),
    failurePercent: percentage.get('threshold').number(percent),
    requestVolume: volume === undefined ? undefined : Math.max(1, volume),
    minHosts: minHosts === undefined ? undefined : Math.max(1, minHosts),
  };
  const given = Object.entries(ejection).filter(([, value]) => value !== undefined);
  return {
    ...firstKnown(config.get('childPolicy'), 'below'),
    ejection: Object.fromEntries(given),
  };
}

function warnOfEnforcement(algorithm: ConfigNode): void {
  const node = algorithm.get('enforcementPercentage');
  if ((node.number({ min: 0, max: 100 }) ?? 100) === 100) return;
  node.warn('counts as 100; every endpoint that stands out is ejected');
}

/** A6: throttled while half of the tokens are gone; a failure costs one, a success brings some. */
function retryBudgetOf(node: ConfigNode): RetryBudgetPolicy | undefined {
  if (!node.given) return undefined;
  node.keys();
  const [tokens, share] = [node.get('maxTokens'), node.get('tokenRatio')];
  if (!tokens.given) node.refuse('lacks maxTokens; add it', true);
  if (!share.given) node.refuse('lacks tokenRatio; add it', true);
  const maxTokens = tokens.number({ above: 0, max: 1_000 });
  const ratio = share.number({ above: 0, max: 1_000 });
  if (maxTokens === undefined || ratio === undefined) return undefined;
  const perSecond = maxTokens / 2 / (BUDGET_TTL_MS / 1_000);
  return { ratio: Math.min(ratio, MAX_RATIO), perSecond, ttlMs: BUDGET_TTL_MS };
}

/** A17: without a name there is no health checking; the empty name is the whole server. */
function serviceToWatch(node: ConfigNode): string | undefined {
  node.keys();
  return node.get('serviceName').text();
}
