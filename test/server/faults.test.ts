import { Metadata } from 'nice-grpc-common';
import { expect, test } from 'vitest';

import { ConfigError, createServer, Status } from '../../src/index.ts';
import { rejection, startPair } from '../support/harness.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';

const faults = [
  {
    percent: 100,
    abort: { code: 'DATA_LOSS', details: 'on purpose' },
    header: { name: 'x-chaos', value: 'yes' },
  },
] as const;

test('faults strike the method that they are for, and calls with their header alone', async () => {
  let ran = 0;
  await using pair = await startPair(
    {
      async unary() {
        ran++;
        return {};
      },
    },
    { server: { methods: { [`${SERVICE}/Unary`]: { faults } } } },
  );
  const chaos = { metadata: Metadata({ 'x-chaos': 'yes' }) };
  expect(await rejection(pair.client.unary({}, chaos))).toMatchObject({
    code: Status.DATA_LOSS,
    details: 'on purpose',
  });
  expect(ran).toBe(0);
  expect(await pair.client.unary({})).toBeTruthy();
  expect(await pair.client.unarySafe({}, chaos)).toBeTruthy();
  expect(ran).toBe(1);
});

test('without any, nothing strikes: the control', async () => {
  await using pair = await startPair();
  const chaos = { metadata: Metadata({ 'x-chaos': 'yes' }) };
  expect(await pair.client.unary({}, chaos)).toBeTruthy();
});

test('faults that are none are refused', () => {
  const methods = { [SERVICE]: { faults: [{ percent: 101, delayMs: 1 }] } };
  expect(() => createServer({ methods })).toThrow(ConfigError);
  expect(() => createServer({ methods })).toThrow(/faults\[0\]\.percent/);
});
