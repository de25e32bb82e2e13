import { expect, test } from 'vitest';

import { RateLimits } from '../../src/interceptors/identity-rate-limit.ts';
import { ManualClock } from '../../src/testing/index.ts';

test('remembers so many callers, and forgets who called longest ago', () => {
  const limits = new RateLimits({ perSecond: 1, burst: 1 }, new ManualClock(), 3);
  for (const caller of ['a', 'b', 'c']) expect(limits.of(caller).tryTake()).toBe(true);
  // 'a' calls again, so 'b' is the oldest.
  expect(limits.of('a').tryTake()).toBe(false);
  expect(limits.of('d').tryTake()).toBe(true);
  expect(limits.size).toBe(3);
  expect(limits.of('a').tryTake()).toBe(false);
  expect(limits.of('b').tryTake()).toBe(true);
});

test('holds 10 000 callers unless told otherwise, however many call', () => {
  const limits = new RateLimits({ perSecond: 1 }, new ManualClock());
  for (let i = 0; i < 25_000; i++) limits.of(`10.0.${i >> 8}.${i & 255}`).tryTake();
  expect(limits.size).toBe(10_000);
});
