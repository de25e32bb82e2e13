import { describe, expect, test } from 'vitest';

import type { CallStatus } from '../../src/core/status.ts';
import { OK, Status } from '../../src/core/status.ts';
import { isFailure, isNeutral } from '../../src/policies/failure.ts';

const FAILURES = ['CANCELLED', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'];

const NAMES = Object.keys(Status).filter(
  (name) => /^[A-Z_]+$/.test(name) && name !== 'UNRECOGNIZED',
) as (keyof typeof Status)[];

function ended(code: keyof typeof Status, more: Partial<CallStatus> = {}) {
  return { status: { code: Status[code] as Status, details: '', ...more }, cancelled: undefined };
}

const LEFT: CallStatus = { code: Status.CANCELLED, details: 'left' };

describe('isFailure', () => {
  test.each(NAMES)('%s from a server', (name) => {
    expect(isFailure(ended(name))).toBe(FAILURES.includes(name));
  });

  test('a cancellation that this process asked for is none, nor one with a local cause', () => {
    expect(isFailure({ ...ended('CANCELLED'), cancelled: LEFT })).toBe(false);
    expect(isFailure(ended('CANCELLED', { cause: new Error('the request stream') }))).toBe(false);
  });

  test('a request that could not be encoded is none', () => {
    expect(isFailure(ended('INTERNAL', { processed: 'no' }))).toBe(false);
    expect(isFailure(ended('UNAVAILABLE', { processed: 'no' }))).toBe(true);
  });

  test.each([
    [undefined, undefined, true],
    [undefined, 100, true],
    [100, undefined, true],
    [100, 100, true],
    [99, 100, false],
    [0, undefined, false],
    [-5, undefined, false],
    [Number.POSITIVE_INFINITY, 100, true],
  ])('a deadline after %s ms where calls take up to %s ms: %s', (budgetMs, p99Ms, failure) => {
    const outcome = { ...ended('DEADLINE_EXCEEDED'), budgetMs, p99Ms };
    expect(isFailure(outcome)).toBe(failure);
  });
});

describe('isNeutral', () => {
  test('is what this process ended or never sent', () => {
    expect(isNeutral({ ...ended('CANCELLED'), cancelled: LEFT })).toBe(true);
    expect(isNeutral(ended('CANCELLED', { cause: new Error('the request stream') }))).toBe(true);
    expect(isNeutral(ended('INTERNAL', { processed: 'no' }))).toBe(true);
    expect(isNeutral({ ...ended('DEADLINE_EXCEEDED'), budgetMs: 1, p99Ms: 9 })).toBe(true);
  });

  test('is what has a cause on this side', () => {
    const cause = new Error('a layer threw');
    expect(isNeutral(ended('UNKNOWN', { cause }))).toBe(true);
    expect(isNeutral(ended('RESOURCE_EXHAUSTED', { cause }))).toBe(true);
    expect(isNeutral(ended('OK', { cause }))).toBe(false);
  });

  test('is not what a server answered', () => {
    expect(isNeutral({ status: OK, cancelled: undefined })).toBe(false);
    expect(isNeutral({ status: OK, cancelled: LEFT })).toBe(false);
    expect(isNeutral(ended('NOT_FOUND'))).toBe(false);
    expect(isNeutral(ended('UNKNOWN'))).toBe(false);
    expect(isNeutral(ended('RESOURCE_EXHAUSTED'))).toBe(false);
  });
});
