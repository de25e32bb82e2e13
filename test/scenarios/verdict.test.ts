import { expect, test } from 'vitest';

import { parseLabOptions, UsageError } from './harness/options.ts';
import { table } from './harness/report.ts';
import type { JobResult } from './harness/runner.ts';
import { type Check, isMet, type Scenario, shown, worstOf } from './harness/scenario.ts';
import { judge } from './harness/verdict.ts';
import { scenarios } from './scenarios.ts';

const scenario: Scenario = {
  name: 'flood',
  title: 'water comes in',
  share: 1,
  seconds: 1,
  off: { without: 'no pump', fails: ['buckets'] },
  stock: 'a sponge',
  quick: false,
  run: () => Promise.reject(new Error('not in this test')),
};

function result(variant: JobResult['variant'], seed: number, buckets: number): JobResult {
  const checks = [{ name: 'buckets', value: buckets, atMost: 2 }];
  return { scenario, variant, seed, tookMs: 1, outcome: { checks, notes: [] } };
}

test('a check is met up to and at its bar, and never without a value', () => {
  expect(isMet({ name: 'x', value: 2, atMost: 2 })).toBe(true);
  expect(isMet({ name: 'x', value: 2.01, atMost: 2 })).toBe(false);
  expect(isMet({ name: 'x', value: 2, atLeast: 2 })).toBe(true);
  expect(isMet({ name: 'x', value: 1.99, atLeast: 2 })).toBe(false);
  expect(isMet({ name: 'x', value: undefined, atMost: 2 })).toBe(false);
  expect(isMet({ name: 'x', value: Number.NaN, atMost: 2 })).toBe(false);
  expect(shown({ name: 'share', value: 1.234, atMost: 5, unit: ' %', digits: 1 })).toBe(
    '1.2 % share (≤ 5.0 %)',
  );
});

test('the worst of the seeds is what the table claims, whichever way is worse', () => {
  const outcome = (most: number, least: number) => ({
    checks: [
      { name: 'most', value: most, atMost: 9 },
      { name: 'least', value: least, atLeast: 1 },
    ],
    notes: [],
  });
  const worst = worstOf([outcome(3, 7), outcome(5, 6), outcome(4, 8)]);
  expect(worst.map(({ value }: Check) => value)).toEqual([5, 6]);
});

test('all seeds must meet the bar, and the control must miss it', () => {
  const good = judge(scenario, [result('on', 1, 0), result('on', 2, 2), result('off', 1, 50)]);
  expect(good.passed).toBe(true);
  expect(good.problems).toEqual([]);
  const bad = judge(scenario, [result('on', 1, 0), result('on', 2, 3), result('off', 1, 1)]);
  expect(bad.problems).toEqual([
    'flood, on, seed 2: the bar is missed: buckets',
    'flood, off, seed 1: the control does not fail: buckets',
  ]);
  expect(table([bad]).at(-1)).toMatch(/^FAILED flood \| buckets \| 3 +\| 1 +\| +\| ≤ 2$/);
});

test('a run that broke passes nothing, nor does stock grpc-js fail anything', () => {
  const broken: JobResult = {
    scenario,
    variant: 'off',
    seed: 1,
    tookMs: 1,
    error: new Error('no'),
  };
  expect(judge(scenario, [broken]).problems).toEqual(['flood, off, seed 1: the run broke: no']);
  expect(judge(scenario, [result('stock', 1, 99)]).passed).toBe(true);
});

test('the command line is read, and what is wrong with it is said', () => {
  expect(parseLabOptions(['drain', '--seeds', '5', '--only', 'off,on'])).toMatchObject({
    names: ['drain'],
    seeds: 5,
    variants: ['on', 'off'],
    quick: false,
  });
  expect(parseLabOptions(['--quick'])).toMatchObject({ seeds: 1, variants: ['on', 'off'] });
  expect(() => parseLabOptions(['--seeds', 'many'])).toThrow(UsageError);
  expect(parseLabOptions(['--load', '0.6'])).toMatchObject({ load: 0.6 });
  expect(() => parseLabOptions(['--load', '2'])).toThrow(UsageError);
  expect(() => parseLabOptions(['--only', 'upstream'])).toThrow("not 'upstream'");
  expect(() => parseLabOptions(['--fast'])).toThrow("Unknown option '--fast'");
});

test('every scenario has a name of its own, and its control names what it checks', () => {
  const names = scenarios.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(scenarios.filter(({ off }) => off.fails.length === 0)).toEqual([]);
  expect(scenarios.filter(({ share }) => share <= 0 || share > 1)).toEqual([]);
});
