import { describe, expect, test } from 'vitest';

import { AttemptCall } from '../../src/core/attempt-call.ts';
import { ClientCall } from '../../src/core/client-call.ts';
import type { CallStatus } from '../../src/core/status.ts';
import { Status } from '../../src/core/status.ts';
import type { HedgePolicy, RetryPolicy } from '../../src/policies/policy.ts';
import { LatencyWindow } from '../../src/policies/latency-window.ts';
import { DEFAULT_HEDGE, DEFAULT_RETRY } from '../../src/policies/policy.ts';
import { PUSHBACK_KEY } from '../../src/policies/pushback.ts';
import { RetryRules } from '../../src/policies/retry-rules.ts';
import { Metadata } from '../../src/index.ts';
import { ManualClock, testRuntime } from '../../src/testing/index.ts';
import { methodOf } from '../interceptors/layer-call.ts';

interface Given {
  readonly idempotent?: boolean;
  readonly retry?: Partial<RetryPolicy> | false;
  readonly hedge?: Partial<HedgePolicy>;
}

const clock = new ManualClock();

function rulesOf({ idempotent = true, retry = {}, hedge }: Given = {}): RetryRules {
  return new RetryRules({
    idempotent,
    retry: retry === false ? undefined : { ...DEFAULT_RETRY, ...retry },
    hedge: hedge && { ...DEFAULT_HEDGE, ...hedge },
    latency: new LatencyWindow(clock),
    counters: { calls: 0, attempts: 0, transparent: 0, hedges: 0, overBudget: 0 },
  });
}

/** A call that has a second, and an attempt of it. */
function attemptOf(change: (attempt: AttemptCall) => void = () => undefined) {
  const runtime = testRuntime();
  const call = new ClientCall(methodOf(), runtime, {});
  call.deadline = 1_000;
  const attempt = new AttemptCall(call, {});
  change(attempt);
  return { call, attempt, clock: runtime.clock };
}

function judge(rules: RetryRules, status: Partial<CallStatus>): unknown {
  const { call, attempt } = attemptOf();
  return rules.judge(call, attempt, { code: Status.UNAVAILABLE, details: '', ...status });
}

const pushback = (text: string): Metadata => Metadata().set(PUSHBACK_KEY, text);
const codes = Object.values(Status).filter((code) => typeof code === 'number');
const failures = codes.filter((code) => code > Status.OK);

describe('which failures are followed by another attempt', () => {
  test('by default UNAVAILABLE, and a server that cancels', () => {
    const tried = failures.filter((code) => judge(rulesOf(), { code }) === null);
    expect(tried).toEqual([Status.CANCELLED, Status.UNAVAILABLE]);
  });

  test('of a method that may not run twice, none', () => {
    const rules = rulesOf({ idempotent: false });
    const tried = failures.filter((code) => judge(rules, { code }) !== undefined);
    expect(tried).toEqual([]);
  });

  test('codes of the policy take the place of UNAVAILABLE', () => {
    const rules = rulesOf({ retry: { codes: ['ABORTED', 'RESOURCE_EXHAUSTED'] } });
    const tried = failures.filter((code) => judge(rules, { code }) === null);
    expect(tried).toEqual([Status.CANCELLED, Status.RESOURCE_EXHAUSTED, Status.ABORTED]);
  });

  test.each<[string, Given, Partial<CallStatus>, unknown]>([
    ['not processed, may not run twice', { idempotent: false }, { processed: 'no' }, null],
    [
      'not processed, but a failure of its own',
      { idempotent: false },
      { code: Status.INTERNAL, processed: 'no' },
      undefined,
    ],
    ['pushback', {}, { metadata: pushback('20') }, 20],
    ['pushback of zero', {}, { metadata: pushback('0') }, 0],
    ['pushback that asks for no more', {}, { metadata: pushback('-1') }, 'stop'],
    [
      'exhausted, with pushback',
      {},
      { code: Status.RESOURCE_EXHAUSTED, metadata: pushback('20') },
      20,
    ],
    [
      'pushback on a code that is final',
      {},
      { code: Status.INVALID_ARGUMENT, metadata: pushback('20') },
      undefined,
    ],
    ['pushback, may not run twice', { idempotent: false }, { metadata: pushback('20') }, undefined],
    [
      'cancelled by a failure on this side',
      {},
      { code: Status.CANCELLED, cause: new Error('cannot be encoded') },
      undefined,
    ],
  ])('%s', (_what, given, status, verdict) => {
    expect(judge(rulesOf(given), status)).toBe(verdict);
  });

  test('an attempt that was cancelled here is not one that its server cancelled', () => {
    const status = { code: Status.CANCELLED, details: '' };
    const { call, attempt } = attemptOf((own) => own.cancel(status));
    expect(rulesOf().judge(call, attempt, status)).toBeUndefined();
  });

  test('an attempt out of its own time is tried again, a call out of its time is not', () => {
    const late = { code: Status.DEADLINE_EXCEEDED, details: '' };
    const rules = rulesOf();
    const own = attemptOf((attempt) => {
      attempt.deadline = 100;
    });
    // The server's own limit, long before.
    expect(rules.judge(own.call, own.attempt, late)).toBeUndefined();
    own.clock.advance(100);
    expect(rules.judge(own.call, own.attempt, late)).toBeNull();
    const whole = attemptOf();
    whole.clock.advance(1_000);
    expect(rules.judge(whole.call, whole.attempt, late)).toBeUndefined();
    const ended = attemptOf((attempt) => attempt.cancel(late));
    expect(rules.judge(ended.call, ended.attempt, late)).toBeNull();
  });

  test('only what an endpoint got and did not process is repeated at once', () => {
    const rules = rulesOf({ idempotent: false });
    const refused: CallStatus = { code: Status.UNAVAILABLE, details: '', processed: 'no' };
    const sent = attemptOf((attempt) => {
      attempt.endpoint = '127.0.0.1:1';
    }).attempt;
    expect(rules.isTransparent(sent, refused)).toBe(true);
    expect(rules.isTransparent(sent, { ...refused, processed: 'unknown' })).toBe(false);
    expect(rules.isTransparent(sent, { ...refused, code: Status.INTERNAL })).toBe(false);
    expect(rules.isTransparent(attemptOf().attempt, refused)).toBe(false);
  });
});

describe('how many attempts', () => {
  test.each<[string, Given, number]>([
    ['three by default', {}, 3],
    ['one without retries', { retry: false }, 1],
    ['those of the policy', { retry: { attempts: 5 } }, 5],
    ['hedges count as well', { retry: false, hedge: { extra: 2 } }, 3],
    ['the larger of the two', { retry: { attempts: 4 }, hedge: { extra: 1 } }, 4],
    [
      'hedges of what may not run twice do not count',
      { retry: false, idempotent: false, hedge: {} },
      1,
    ],
  ])('%s', (_what, given, attempts) => {
    expect(rulesOf(given).maxAttempts).toBe(attempts);
  });
});

describe('how long to wait', () => {
  const backoff = { initialMs: 100, multiplier: 2, maxMs: 500, jitter: 'full' } as const;

  test.each([
    [1, 0.5, 50],
    [2, 0.5, 100],
    [3, 0.5, 200],
    [4, 0.5, 250],
    [40, 0.5, 250],
    [1, 0, 0],
  ])('full jitter: wait %i at chance %f is %f ms', (times, chance, waitMs) => {
    expect(rulesOf({ retry: { backoff } }).backoffMs(times, () => chance)).toBe(waitMs);
  });

  test.each([
    [1, 0, 80],
    [1, 0.5, 100],
    [1, 1, 120],
    [9, 1, 600],
  ])('a fifth around the bound: wait %i at chance %f is %f ms', (times, chance, waitMs) => {
    const rules = rulesOf({ retry: { backoff: { ...backoff, jitter: 0.2 } } });
    expect(rules.backoffMs(times, () => chance)).toBeCloseTo(waitMs);
  });

  test('a hedge waits as long as it is told, or for the 95th percentile once there is one', () => {
    expect(rulesOf().hedgeDelayMs()).toBeUndefined();
    expect(rulesOf({ hedge: { delayMs: 20 } }).hedgeDelayMs()).toBe(20);
    const rules = rulesOf({ hedge: {} });
    expect(rules.hedgeDelayMs()).toBeUndefined();
    for (let call = 0; call < 100; call++) rules.latency.record(call < 90 ? 10 : 200);
    expect(rules.hedgeDelayMs()).toBeGreaterThan(190);
    expect(rulesOf({ idempotent: false, hedge: { delayMs: 20 } }).hedgeDelayMs()).toBeUndefined();
  });
});
