import { describe, expect, test } from 'vitest';

import { DEFAULT_RETRY_BUDGET } from '../../src/policies/policy.ts';
import { RetryBudget } from '../../src/policies/retry-budget.ts';
import { ManualClock } from '../../src/testing/index.ts';

/** How many of `tries` withdrawals are granted. */
function withdraw(budget: RetryBudget, tries: number): number {
  let granted = 0;
  for (let n = 0; n < tries; n++) if (budget.tryWithdraw()) granted++;
  return granted;
}

const WITHOUT_RESERVE = { ...DEFAULT_RETRY_BUDGET, perSecond: 0 };

describe('RetryBudget', () => {
  test('pays one further attempt for five calls, by the default', () => {
    const budget = new RetryBudget(WITHOUT_RESERVE, new ManualClock());
    expect(withdraw(budget, 1)).toBe(0);
    for (let call = 0; call < 4; call++) budget.deposit();
    expect(withdraw(budget, 1)).toBe(0);
    budget.deposit();
    expect(withdraw(budget, 5)).toBe(1);
    expect(budget.balance).toBe(0);
  });

  test('fractions add up: a hundred calls at 0.29 pay 29', () => {
    const budget = new RetryBudget({ ...WITHOUT_RESERVE, ratio: 0.29 }, new ManualClock());
    // 0.29 * 100 is 28.999999999999996.
    for (let call = 0; call < 100; call++) budget.deposit();
    expect(withdraw(budget, 50)).toBe(29);
  });

  test('has a reserve of ten a second for rare calls', () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(DEFAULT_RETRY_BUDGET, clock);
    expect(budget.balance).toBe(100);
    expect(withdraw(budget, 1_000)).toBe(100);
    clock.advance(5_000);
    expect(withdraw(budget, 1_000)).toBe(0);
    clock.advance(5_000);
    expect(withdraw(budget, 1_000)).toBe(100);
  });

  test('deposits expire after ten seconds', () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(WITHOUT_RESERVE, clock);
    for (let call = 0; call < 100; call++) budget.deposit();
    clock.advance(8_900);
    expect(budget.balance).toBe(20);
    clock.advance(1_200);
    expect(budget.balance).toBe(0);
    expect(withdraw(budget, 10)).toBe(0);
  });

  test('a total outage is answered with at most 1.2 attempts a call and the reserve', () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(DEFAULT_RETRY_BUDGET, clock);
    const seconds = 60;
    const callsPerSecond = 500;
    let further = 0;
    for (let call = 0; call < seconds * callsPerSecond; call++) {
      clock.advance(1_000 / callsPerSecond);
      budget.deposit();
      further += withdraw(budget, 2);
    }
    const calls = seconds * callsPerSecond;
    const reserve = 10 * seconds + 100;
    expect(further).toBeLessThanOrEqual(0.2 * calls + reserve);
    expect(further).toBeGreaterThan(0.2 * calls);
  });

  test('another policy counts what was deposited and withdrawn lately', () => {
    const budget = new RetryBudget(WITHOUT_RESERVE, new ManualClock());
    for (let call = 0; call < 100; call++) budget.deposit();
    expect(withdraw(budget, 15)).toBe(15);
    budget.configure({ ratio: 0.5, perSecond: 1, ttlMs: 20_000 });
    expect(budget.balance).toBe(20 + 50 - 15);
  });

  test.each([
    ['ratio', -0.1, 'retryBudget.ratio is -0.1: give a number from 0 to 10'],
    ['ratio', Number.NaN, 'retryBudget.ratio is NaN: give a number from 0 to 10'],
    ['perSecond', -1, 'retryBudget.perSecond is -1: give a number of 0 or more'],
    ['ttlMs', 0, 'retryBudget.ttlMs is 0: give a number of 100 or more'],
    ['ttlMs', Number.POSITIVE_INFINITY, 'retryBudget.ttlMs is Infinity'],
  ])('refuses %s = %d', (key, value, message) => {
    const wrong = { ...DEFAULT_RETRY_BUDGET, [key]: value };
    const clock = new ManualClock();
    expect(() => new RetryBudget(wrong, clock)).toThrow(message);
    const budget = new RetryBudget(DEFAULT_RETRY_BUDGET, clock);
    expect(() => budget.configure(wrong)).toThrow(message);
    expect(budget.balance).toBe(100);
  });
});
