import { describe, expect, test } from 'vitest';

import { formatTimeout, parseTimeout } from '../../src/core/deadline.ts';

describe('parseTimeout', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['100m', 100],
    ['5u', 0.005],
    ['1n', 1e-6],
    ['00000010m', 10],
    ['99999999H', 99_999_999 * 3_600_000],
    ['720H', 2_592_000_000],
    ['0m', 0],
  ])('reads %s', (text, expected) => {
    expect(parseTimeout(text)).toBeCloseTo(expected, 9);
  });

  test.each([
    '',
    'm',
    '10',
    '10 m',
    ' 10m',
    '10m ',
    '-1m',
    '+1m',
    '1.5S',
    '0.5s',
    '1e3m',
    '1s',
    '1h',
    '1min',
    '123456789m',
    '10mm',
    '0x10m',
    '10m,10m',
    '١m',
    '10µ',
    'NaNm',
    'infinity',
  ])('refuses %j', (text) => {
    expect(parseTimeout(text)).toBeUndefined();
  });
});

describe('formatTimeout', () => {
  test.each([
    [0.0001, '100n'],
    [0.5, '500000n'],
    [1.5, '1500000n'],
    [9.9995, '9999500n'],
    [10, '10m'],
    [10.2, '11m'],
    [15_000, '15000m'],
    [2_592_000_000, '2592000S'],
    [99_999_999_000, '99999999S'],
    [1e18, '99999999H'],
  ])('writes %d ms', (timeoutMs, expected) => {
    expect(formatTimeout(timeoutMs)).toBe(expected);
  });

  test('never makes a timeout shorter, nor longer than 0.02 % or one unit', () => {
    for (let ms = 0.001; ms < 1e13; ms *= 1.37) {
      const read = parseTimeout(formatTimeout(ms)) ?? Number.NaN;
      expect(read).toBeGreaterThanOrEqual(ms * (1 - 1e-12));
      expect(read).toBeLessThanOrEqual(ms + Math.max(1, ms * 2e-4));
    }
  });
});
