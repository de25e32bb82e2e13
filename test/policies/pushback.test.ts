import { describe, expect, test } from 'vitest';

import { Metadata } from '../../src/index.ts';
import { PUSHBACK_KEY, pushbackOf } from '../../src/policies/pushback.ts';

describe('what trailers say of another attempt', () => {
  test('nothing, where there are none or none of that name', () => {
    expect(pushbackOf(undefined)).toBeUndefined();
    expect(pushbackOf(Metadata())).toBeUndefined();
    expect(pushbackOf(Metadata().set('retry-after', '1'))).toBeUndefined();
  });

  test.each([
    ['0', 0],
    ['7', 7],
    ['007', 7],
    ['60000', 60_000],
    ['9999999999', 9_999_999_999],
  ])('%j is a wait of %i ms', (text, waitMs) => {
    expect(pushbackOf(Metadata().set(PUSHBACK_KEY, text))).toBe(waitMs);
  });

  test.each(['-1', '-0', '', 'soon', '1.5', '1e3', '+1', '0x10', '10ms', '1, 2', '10000000000'])(
    '%j is read as: no further attempt',
    (text) => {
      expect(pushbackOf(Metadata().set(PUSHBACK_KEY, text))).toBe('stop');
    },
  );

  test('two values contradict each other, even where they are the same', () => {
    const twice = Metadata().append(PUSHBACK_KEY, '5').append(PUSHBACK_KEY, '5');
    expect(pushbackOf(twice)).toBe('stop');
  });
});
