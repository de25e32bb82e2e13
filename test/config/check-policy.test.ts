import { expect, test } from 'vitest';

import { checkChannelPolicy, checkMethodPolicy } from '../../src/config/check-policy.ts';
import { ConfigError } from '../../src/core/errors.ts';

/** What code in JavaScript may give. */
function refused(check: () => void): string[] {
  try {
    check();
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const ofMethod = (policy: unknown) =>
  refused(() => checkMethodPolicy('methods.getOrder', policy as never));

test('what code gives is checked as a file is, and told by the option', () => {
  expect(
    ofMethod({
      timeoutMs: Number.NaN,
      atemptTimeoutMs: 1,
      retry: { attempts: 1.5, backoff: { jitter: 2 } },
      hedge: { delayMs: 'p99' },
      breaker: true,
      rateLimit: {},
      waitForReady: 'no',
      faults: {},
    }),
  ).toEqual([
    "methods.getOrder.atemptTimeoutMs is no known key; did you mean 'attemptTimeoutMs'?",
    'methods.getOrder.timeoutMs is NaN; give a number above 0',
    'methods.getOrder.waitForReady is "no"; give true or false',
    'methods.getOrder.retry.attempts is 1.5; give a whole number from 1 to 100',
    "methods.getOrder.retry.backoff.jitter is 2; give 'full' or a number from 0 to 1",
    `methods.getOrder.hedge.delayMs is "p99"; give 'p95' or a number from 0 to 31536000000`,
    'methods.getOrder.breaker is true; give an object, or false to turn it off',
    'methods.getOrder.rateLimit lacks perSecond; add it',
    'methods.getOrder.faults is an object; give a list',
  ]);
});

test('what contradicts itself is refused', () => {
  expect(ofMethod({ timeoutMs: 100, attemptTimeoutMs: 101 })).toEqual([
    'methods.getOrder.attemptTimeoutMs is 101, above timeoutMs; give at most 100',
  ]);
  expect(ofMethod({ timeoutMs: 100, attemptTimeoutMs: 100 })).toEqual([]);
});

test('what is right passes: no value, undefined, infinite timeouts, retries beside hedges', () => {
  expect(ofMethod({})).toEqual([]);
  expect(ofMethod({ timeoutMs: undefined, retry: { attempts: undefined } })).toEqual([]);
  expect(ofMethod({ timeoutMs: Infinity, retry: {}, hedge: { delayMs: 0 } })).toEqual([]);
});

test('a policy that is none is refused', () => {
  for (const policy of [null, [], 5, 'fast', () => ({})]) {
    expect(ofMethod(policy)).toEqual([expect.stringContaining('give an object')]);
  }
});

test("a channel's other options are left alone, and meant where they were mistyped", () => {
  const check = (options: object) =>
    refused(() => checkChannelPolicy(options, ['credentials', 'limits']));
  const balancer = (): undefined => undefined;
  expect(check({ credentials: 1, limits: {}, balancer, ejection: false })).toEqual([]);
  expect(check({ credntials: 1, balancer: 'peak', ejection: { baseMs: 2, maxMs: 1 } })).toEqual([
    "credntials is no known key; did you mean 'credentials'?",
    'balancer is "peak"; give one of peak_ewma, least_request, round_robin, pick_first',
    'ejection.baseMs is 2, above maxMs; give at most 1',
  ]);
});

test('nothing is suggested that is not close', () => {
  const [line = ''] = ofMethod({ colour: 1 });
  expect(line).toMatch(/^methods\.getOrder\.colour is no known key; there are timeoutMs, /);
  expect(ofMethod({ ['x'.repeat(10_000)]: 1 })).toHaveLength(1);
});
