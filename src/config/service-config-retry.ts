import { Status } from '../core/status.ts';
import type { MethodPolicy, StatusName } from '../policies/policy.ts';
import type { ConfigNode } from './config-node.ts';
import { shown } from './findings.ts';

/** More attempts than this are counted as this many (A6). */
const MAX_ATTEMPTS = 5;

/** More hedges than this are not sent. */
const MAX_HEDGES = 2;

/** ±20 % around each wait (A6). */
const JITTER = 0.2;

/** What the retries and hedges of a service config's method come to (A6). */
export function retryPolicyOf(config: ConfigNode): MethodPolicy {
  const [retry, hedging] = [config.get('retryPolicy'), config.get('hedgingPolicy')];
  if (retry.given && hedging.given) {
    hedging.refuse('stands beside a retryPolicy; keep one of the two', true);
    return {};
  }
  if (retry.given) return retries(retry);
  return hedging.given ? hedges(hedging) : {};
}

function retries(node: ConfigNode): MethodPolicy {
  node.keys();
  const attempts = maxAttempts(node);
  const initialMs = required(node, 'initialBackoff', (backoff) => backoff.durationMs());
  const maxMs = required(node, 'maxBackoff', (backoff) => backoff.durationMs());
  const multiplier = required(node, 'backoffMultiplier', (given) => given.number({ above: 0 }));
  const codes = statusNames(node.get('retryableStatusCodes'));
  if (codes.length === 0) node.refuse('lacks retryableStatusCodes; name at least one', true);
  if (attempts === undefined || initialMs === undefined) return {};
  if (maxMs === undefined || multiplier === undefined) return {};
  const backoff = { initialMs: Math.min(initialMs, maxMs), multiplier, maxMs, jitter: JITTER };
  return { idempotent: true, retry: { attempts, backoff, codes } };
}

/** What is not fatal is retried while hedges are out; without such a code, no failure is. */
function hedges(node: ConfigNode): MethodPolicy {
  node.keys();
  const attempts = maxAttempts(node);
  const delayMs = node.get('hedgingDelay').durationMs('zero') ?? 0;
  const codes = statusNames(node.get('nonFatalStatusCodes'));
  if (attempts === undefined) return {};
  if (attempts - 1 > MAX_HEDGES) {
    node.get('maxAttempts').warn(`counts as ${MAX_HEDGES + 1}; no more are sent`);
  }
  const extra = Math.min(attempts - 1, MAX_HEDGES);
  return { idempotent: true, hedge: { delayMs, extra }, retry: { attempts, codes } };
}

function maxAttempts(node: ConfigNode): number | undefined {
  const attempts = required(node, 'maxAttempts', (given) => given.number({ min: 2, whole: true }));
  return attempts === undefined ? undefined : Math.min(attempts, MAX_ATTEMPTS);
}

function required<T>(node: ConfigNode, key: string, read: (given: ConfigNode) => T): T {
  const given = node.get(key);
  if (!given.given) node.refuse(`lacks ${key}; add it`, true);
  return read(given);
}

/** Codes are numbers, or names in any case (A6). */
function statusNames(list: ConfigNode): StatusName[] {
  const names: StatusName[] = [];
  for (const node of list.items()) {
    const { value } = node;
    const name = typeof value === 'number' ? Status[value] : String(value).toUpperCase();
    if (isStatusName(name)) names.push(name);
    else node.refuse(`is ${shown(value)}; give the name of a status other than OK`);
  }
  return names;
}

function isStatusName(name: string | undefined): name is StatusName {
  if (name === undefined || !/^[A-Z_]+$/.test(name)) return false;
  return Object.hasOwn(Status, name) && name !== 'OK' && name !== 'UNRECOGNIZED';
}
