import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { root } from '../../scripts/lib/run.ts';
import { diffPolicies, POLICY_DIFF_RULES } from '../../src/contract.ts';
import { CONTRACT, contract, imageOf } from './support.ts';

const READS = 'option idempotency_level = NO_SIDE_EFFECTS;';
const TWICE = 'option idempotency_level = IDEMPOTENT;';

function policy(text: string): string {
  return `option (inboard.policy.v1.method) = {${text}};`;
}

/** A method's options before and after, and what is said of the change, if it breaks callers. */
interface Case {
  readonly before: string;
  readonly after: string;
  readonly key?: string;
  readonly says?: string;
  readonly returns?: string;
}

const breaking: Readonly<Record<string, Case>> = {
  ShorterTimeout: {
    before: policy('timeout: {seconds: 2}'),
    after: policy('timeout: {nanos: 500000000}'),
    key: 'timeoutMs',
    says: 'timeout of shop.v1.S/ShorterTimeout was 2 s and is 500 ms: calls that take longer fail now; keep at least 2 s',
  },
  LongTimeoutRemoved: {
    before: policy('timeout: {seconds: 60}'),
    after: '',
    key: 'timeoutMs',
    says: 'was 60 s and is 15 s (the default)',
  },
  TimeoutOnStream: {
    before: '',
    after: policy('timeout: {seconds: 60}'),
    key: 'timeoutMs',
    says: 'was none and is 60 s',
    returns: 'stream M',
  },
  AttemptTimeoutAdded: {
    before: '',
    after: policy('attempt_timeout: {seconds: 1}'),
    key: 'attemptTimeoutMs',
    says: 'attempt_timeout of shop.v1.S/AttemptTimeoutAdded was none and is 1 s',
  },
  NoLongerWaits: {
    before: policy('wait_for_ready: true'),
    after: '',
    key: 'waitForReady',
    says: 'wait_for_ready of shop.v1.S/NoLongerWaits was true and is false (the default)',
  },
  LessCritical: {
    before: policy('criticality: CRITICALITY_CRITICAL'),
    after: '',
    key: 'criticality',
    says: 'criticality of shop.v1.S/LessCritical was critical and is none',
  },
  LevelDropped: {
    before: TWICE,
    after: '',
    key: 'idempotent',
    says: 'idempotency_level of shop.v1.S/LevelDropped was IDEMPOTENT and is none',
  },
  LevelWeakened: {
    before: READS,
    after: TWICE,
    key: 'idempotent',
    says: 'was NO_SIDE_EFFECTS and is IDEMPOTENT',
  },
  FewerAttempts: {
    before: TWICE + policy('retry: {attempts: 5}'),
    after: TWICE + policy('retry: {attempts: 4}'),
    key: 'retry.attempts',
    says: 'retry.attempts of shop.v1.S/FewerAttempts was 5 and is 4',
  },
  RetryRemoved: {
    before: TWICE + policy('retry: {attempts: 5}'),
    after: TWICE,
    key: 'retry.attempts',
    says: 'was 5 and is 3 (the default)',
  },
  RetryOff: {
    before: TWICE,
    after: TWICE + policy('retry: {off: true}'),
    key: 'retry.attempts',
    says: 'was 3 (the default) and is 1',
  },
  CodeRemoved: {
    before: TWICE + policy('retry: {codes: ["UNAVAILABLE", "ABORTED"]}'),
    after: TWICE + policy('retry: {codes: "UNAVAILABLE"}'),
    key: 'retry.codes',
    says: 'was UNAVAILABLE, ABORTED and is UNAVAILABLE',
  },
  HedgeRemoved: {
    before: READS + policy('hedge: {}'),
    after: READS,
    key: 'hedge.extra',
    says: 'was 2 (the default) and is 0',
  },
  BulkheadSmaller: {
    before: policy('bulkhead: {limit: 10}'),
    after: policy('bulkhead: {limit: 9}'),
    key: 'bulkhead.limit',
    says: 'bulkhead.limit of shop.v1.S/BulkheadSmaller was 10 and is 9',
  },
  BulkheadAdded: {
    before: '',
    after: policy('bulkhead: {limit: 10}'),
    key: 'bulkhead.limit',
    says: 'was none and is 10',
  },
  QueueShorter: {
    before: policy('bulkhead: {limit: 10 queue: 5}'),
    after: policy('bulkhead: {limit: 10 queue: 4}'),
    key: 'bulkhead.queue',
    says: 'was 5 and is 4',
  },
  RateLower: {
    before: policy('rate_limit: {per_second: 10 burst: 20}'),
    after: policy('rate_limit: {per_second: 9 burst: 20}'),
    key: 'rateLimit.perSecond',
    says: 'rate_limit.per_second of shop.v1.S/RateLower was 10 and is 9',
  },
  BurstSmaller: {
    before: policy('rate_limit: {per_second: 10 burst: 20}'),
    after: policy('rate_limit: {per_second: 10 burst: 19}'),
    key: 'rateLimit.burst',
    says: 'was 20 and is 19',
  },
};

const compatible: Readonly<Record<string, Case>> = {
  Unchanged: { before: policy('timeout: {seconds: 2}'), after: policy('timeout: {seconds: 2}') },
  LongerTimeout: { before: '', after: policy('timeout: {seconds: 16}') },
  ShortTimeoutRemoved: { before: policy('timeout: {seconds: 2}'), after: '' },
  AttemptTimeoutRemoved: { before: policy('attempt_timeout: {seconds: 2}'), after: '' },
  Waits: { before: '', after: policy('wait_for_ready: true') },
  LevelAdded: { before: '', after: READS },
  LevelStronger: { before: TWICE, after: READS },
  MoreAttempts: { before: TWICE, after: TWICE + policy('retry: {attempts: 4}') },
  SaidWhatHeld: { before: TWICE, after: TWICE + policy('retry: {attempts: 3}') },
  CodeAdded: { before: TWICE, after: TWICE + policy('retry: {codes: ["UNAVAILABLE", "ABORTED"]}') },
  HedgeAdded: { before: READS, after: READS + policy('hedge: {}') },
  OtherDelay: {
    before: READS + policy('hedge: {delay: {nanos: 50000000}}'),
    after: READS + policy('hedge: {p95: true}'),
  },
  BulkheadLarger: {
    before: policy('bulkhead: {limit: 10}'),
    after: policy('bulkhead: {limit: 11 queue: 1}'),
  },
  BulkheadRemoved: { before: policy('bulkhead: {limit: 10 queue: 4}'), after: '' },
  RateHigher: {
    before: policy('rate_limit: {per_second: 10}'),
    after: policy('rate_limit: {per_second: 11}'),
  },
  RateRemoved: { before: policy('rate_limit: {per_second: 10}'), after: '' },
  MoreCritical: {
    before: policy('criticality: CRITICALITY_SHEDDABLE'),
    after: policy('criticality: CRITICALITY_CRITICAL'),
  },
  OtherBreaker: { before: '', after: policy('breaker: {min_calls: 5}') },
};

const cases = { ...breaking, ...compatible };

/** One method a case, each on a line of its own. */
function service(side: 'before' | 'after', others = ''): string {
  const methods = Object.entries(cases).map(
    ([name, { returns = 'M', [side]: options }]) =>
      `rpc ${name}(M) returns (${returns}) {${options}}`,
  );
  return `service S {\n${methods.join('\n')}\n${others}}`;
}

let changes: ReturnType<typeof diffPolicies>;
const after = service('after', 'rpc Added(M) returns (M);\n');

beforeAll(async () => {
  const before = service('before', 'rpc Removed(M) returns (M);\n');
  changes = diffPolicies(await imageOf(before), await imageOf(after), {
    fileName: (name) => `proto/${name}`,
  });
}, 30_000);

describe('breaks callers, and is told by file and line', () => {
  test.each(Object.entries(breaking))('%s', (name, { key, says }) => {
    const own = changes.filter(({ method }) => method === `shop.v1.S/${name}`);
    const lines = contract(after).split('\n');
    expect(own).toEqual([
      {
        file: CONTRACT,
        line: lines.findIndex((line) => line.includes(`rpc ${name}(`)) + 1,
        column: expect.any(Number) as number,
        method: `shop.v1.S/${name}`,
        key,
        message: expect.stringContaining(String(says)) as string,
      },
    ]);
    expect(own[0]?.message).toMatch(/: .+; (?:keep (?:at least )?\S+|leave it out)/);
  });
});

test.each(Object.keys(compatible))('%s passes', (name) => {
  expect(changes.filter(({ method }) => method === `shop.v1.S/${name}`)).toEqual([]);
});

test('there is a case for every rule, and nothing else is told', () => {
  const tried = new Set(Object.values(breaking).map(({ key }) => key));
  expect(tried).toEqual(new Set(POLICY_DIFF_RULES.map(({ key }) => key)));
  expect(changes).toHaveLength(Object.keys(breaking).length);
});

test('a service’s option breaks each method that has no own, where the option stands', async () => {
  const of = (seconds: number): Promise<Uint8Array> =>
    imageOf(`service S {
      option (inboard.policy.v1.service) = {
        timeout: {seconds: ${seconds}}
      };
      rpc A(M) returns (M);
      rpc B(M) returns (M) { ${policy('timeout: {seconds: 1}')} }
    }`);
  const found = diffPolicies(await of(3), await of(2));
  expect(found.map(({ method, line, column }) => ({ method, line, column }))).toEqual([
    { method: 'shop.v1.S/A', line: 4, column: 19 },
  ]);
  expect(diffPolicies(await of(2), await of(3))).toEqual([]);
}, 30_000);

test('the README lists every rule, in these words', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const rows = readme.match(/^\| key \| breaks callers \|\n\|.*\n((?:\|.*\n)+)/m)?.[1];
  const listed = POLICY_DIFF_RULES.map(({ key, breaking: what }) => `| \`${key}\` | ${what} |\n`);
  expect(rows).toBe(listed.join(''));
});
