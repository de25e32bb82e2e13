import { expect, test } from 'vitest';

import { ConfigError } from '../../src/index.ts';
import { checkSlowStart, SlowStart } from '../../src/policies/slow-start.ts';

test('the share grows evenly from a tenth to the whole', () => {
  const slowStart = new SlowStart();
  slowStart.begin(1_000, 10_000);
  expect(slowStart.share(1_000)).toBe(0.1);
  expect(slowStart.share(1_500)).toBe(0.1);
  expect(slowStart.share(6_000)).toBe(0.5);
  expect(slowStart.share(9_000)).toBe(0.8);
  expect(slowStart.share(11_000)).toBe(1);
  expect(slowStart.endMs).toBe(11_000);
});

test('what never began, or has no window, has its whole share', () => {
  const slowStart = new SlowStart();
  expect(slowStart.share(0)).toBe(1);
  slowStart.begin(0, 0);
  expect(slowStart.share(0)).toBe(1);
});

test('a window that is none is refused by name', () => {
  expect(() => checkSlowStart('slowStart', { windowMs: 0 })).toThrow(ConfigError);
  expect(() => checkSlowStart('slowStart', { windowMs: Number.NaN })).toThrow(
    'slowStart.windowMs is NaN',
  );
});
