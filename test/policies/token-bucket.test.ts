import { describe, expect, test } from 'vitest';

import { TokenBucket } from '../../src/policies/token-bucket.ts';
import { ManualClock, seededRandom } from '../../src/testing/index.ts';

function takeAll(bucket: TokenBucket): number {
  let taken = 0;
  while (taken < 10_000 && bucket.tryTake()) taken++;
  return taken;
}

describe('TokenBucket', () => {
  test('is full at first, and fills at its rate up to its burst', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, clock);
    expect(takeAll(bucket)).toBe(5);
    expect(bucket.msUntilToken()).toBe(100);
    clock.advance(99);
    expect(bucket.tryTake()).toBe(false);
    expect(bucket.msUntilToken()).toBeCloseTo(1);
    clock.advance(1);
    expect(bucket.msUntilToken()).toBe(0);
    expect(takeAll(bucket)).toBe(1);
    clock.advance(60_000);
    expect(takeAll(bucket)).toBe(5);
  });

  test('lets the rate through in the long run, however the calls come', () => {
    const clock = new ManualClock();
    const random = seededRandom(5);
    const bucket = new TokenBucket({ perSecond: 3, burst: 1 }, clock);
    let taken = 0;
    while (clock.now() < 100_000) {
      clock.advance(random() * 20);
      if (bucket.tryTake()) taken++;
    }
    expect(taken).toBeGreaterThan(285);
    expect(taken).toBeLessThanOrEqual(301);
  });

  test('many small steps add up to a whole token', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, clock);
    bucket.tryTake();
    for (let step = 0; step < 999; step++) {
      clock.advance(1);
      expect(bucket.tryTake()).toBe(false);
    }
    clock.advance(1);
    expect(bucket.tryTake()).toBe(true);
  });

  test('another policy keeps the tokens, as many as it holds', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ perSecond: 10, burst: 10 }, clock);
    for (let n = 0; n < 4; n++) bucket.tryTake();
    bucket.configure({ perSecond: 1, burst: 20 });
    expect(bucket.perSecond).toBe(1);
    expect(takeAll(bucket)).toBe(6);
    expect(bucket.msUntilToken()).toBe(1_000);
    clock.advance(20_000);
    bucket.configure({ perSecond: 1, burst: 3 });
    expect(takeAll(bucket)).toBe(3);
  });

  test.each([
    ['perSecond', 0, 'rateLimit.perSecond is 0: give a number above 0'],
    ['perSecond', Number.NaN, 'rateLimit.perSecond is NaN: give a number above 0'],
    ['burst', 0.5, 'rateLimit.burst is 0.5: give a number of 1 or more'],
  ])('refuses %s = %d', (key, value, message) => {
    const wrong = { perSecond: 1, burst: 1, [key]: value };
    expect(() => new TokenBucket(wrong, new ManualClock())).toThrow(message);
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, new ManualClock());
    expect(() => bucket.configure(wrong)).toThrow(message);
  });
});
