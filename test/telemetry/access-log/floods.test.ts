import { describe, expect, test } from 'vitest';

import { createClient, HealthDefinition, ServerError, Status } from '../../../src/index.ts';
import { deferred, rejection } from '../../support/harness.ts';
import type { LoggedPair } from './logged-pair.ts';
import { stillPair } from './logged-pair.ts';

const OPTIONS = { sample: 0, slowMs: 500, errorsPerSecond: 5 };
/** A breaker would refuse what comes after a flood of failures. */
const BOTH = { client: { defaults: { breaker: false } }, server: { health: false } } as const;
const LEFT_OUT = 'calls left out of the access log';

/** Fails with what the request asks for: a code's name, or a defect. */
const failing = {
  unary: async ({ sample }: { sample?: { text: string } | undefined }): Promise<never> => {
    const code = Status[sample?.text as keyof typeof Status];
    if (code === undefined) throw new Error('a defect');
    throw new ServerError(code, 'no');
  },
};

async function fail(pair: LoggedPair, times: number, text: string): Promise<void> {
  for (let i = 0; i < times; i++) await rejection(pair.client.unary({ sample: { text } }));
}

/** Calls of a service that is not there. */
async function stray(pair: LoggedPair, times: number): Promise<void> {
  await using client = createClient(HealthDefinition, pair.target, { runtime: pair.runtime });
  for (let i = 0; i < times; i++) await rejection(client.check({ service: '' }));
}

/** How many lines each code has, and of which shape their methods are. */
function counted(pair: LoggedPair): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fields } of pair.lines()) {
    const key = `${String(fields['type'])} ${String(fields['code'])}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('a flood of one kind leaves the others their lines', () => {
  test('methods that are not served', async () => {
    await using pair = await stillPair(OPTIONS, failing, BOTH);
    await stray(pair, 40);
    await fail(pair, 5, 'a defect');
    await fail(pair, 5, 'UNIMPLEMENTED');
    expect(counted(pair)).toEqual({
      'unknown UNIMPLEMENTED': 5,
      'unary UNKNOWN': 5,
      'unary UNIMPLEMENTED': 5,
    });
  });

  test.each([
    ['NOT_FOUND', 'UNAUTHENTICATED', 'INTERNAL'],
    ['UNAUTHENTICATED', 'INTERNAL', 'NOT_FOUND'],
    ['INTERNAL', 'NOT_FOUND', 'UNAUTHENTICATED'],
  ])('%s', async (flood, ...others) => {
    await using pair = await stillPair(OPTIONS, failing, BOTH);
    await fail(pair, 20, flood);
    for (const code of others) await fail(pair, 5, code);
    const expected = [flood, ...others].map((code) => [`unary ${code}`, 5]);
    expect(counted(pair)).toEqual(Object.fromEntries(expected));
  });

  test('calls that go well but slowly', async () => {
    const begun = Array.from({ length: 8 }, () => deferred());
    const go = deferred();
    let calls = 0;
    const unarySafe = async (): Promise<object> => {
      begun[calls++]?.resolve();
      await go.promise;
      return {};
    };
    await using pair = await stillPair(OPTIONS, { ...failing, unarySafe });
    const slow = begun.map(() => pair.client.unarySafe({}, { timeoutMs: 60_000 }));
    await Promise.all(begun.map(({ promise }) => promise));
    pair.clock.advance(500);
    go.resolve();
    await Promise.all(slow);
    await fail(pair, 5, 'NOT_FOUND');
    expect(counted(pair)).toEqual({ 'unary OK': 5, 'unary NOT_FOUND': 5 });
  });
});

test('what was left out is told by code, once', async () => {
  await using pair = await stillPair(OPTIONS, failing, BOTH);
  const told = (): unknown[] => pair.log.filter(({ message }) => message === LEFT_OUT);
  await stray(pair, 12);
  await fail(pair, 8, 'INTERNAL');
  await fail(pair, 6, 'NOT_FOUND');
  pair.clock.advance(1_000);
  await fail(pair, 7, 'NOT_FOUND');
  const codes = { UNIMPLEMENTED: 7, INTERNAL: 3, NOT_FOUND: 1 };
  const first = { level: 'warn', fields: { suppressed: 11, codes }, message: LEFT_OUT };
  expect(told()).toEqual([first]);
  pair.clock.advance(1_000);
  await fail(pair, 1, 'NOT_FOUND');
  const fields = { suppressed: 2, codes: { NOT_FOUND: 2 } };
  expect(told()).toEqual([first, { ...first, fields }]);
});
