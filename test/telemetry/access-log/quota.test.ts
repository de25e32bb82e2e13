import { describe, expect, test } from 'vitest';

import type { AccessLogOptions } from '../../../src/index.ts';
import {
  accessLog,
  ConfigError,
  createClient,
  HealthDefinition,
  ServerError,
  Status,
} from '../../../src/index.ts';
import { inMemoryTransport, recordingLogger } from '../../../src/testing/index.ts';
import { deferred, rejection, startPair } from '../../support/harness.ts';
import { loggedPair, runtimeTo, stillPair } from './logged-pair.ts';

const failing = {
  unary: async (): Promise<never> => {
    throw new ServerError(Status.NOT_FOUND, 'nothing here');
  },
};

describe('which calls are logged', () => {
  test('a share of those that went well, which says how many each stands for', async () => {
    await using pair = await stillPair({ sample: 0.1 }, {}, { transport: inMemoryTransport() });
    for (let i = 0; i < 1_000; i++) await pair.client.unary({});
    const lines = pair.lines();
    // 100 ± 3 standard deviations; the seed makes it the same each time.
    expect(lines.length).toBeGreaterThan(72);
    expect(lines.length).toBeLessThan(128);
    expect(new Set(lines.map(({ fields }) => fields['sample']))).toEqual(new Set([0.1]));
  });

  test('one in a hundred where nothing is said, none with 0, each with 1', async () => {
    const logged = async (options: AccessLogOptions): Promise<number> => {
      await using pair = await stillPair(options, {}, { transport: inMemoryTransport() });
      for (let i = 0; i < 500; i++) await pair.client.unary({});
      return pair.lines().length;
    };
    expect(await logged({ sample: 0 })).toBe(0);
    expect(await logged({ sample: 1 })).toBe(500);
    const usual = await logged({});
    expect(usual).toBeGreaterThan(0);
    expect(usual).toBeLessThan(20);
  });

  test('failures whatever the sample', async () => {
    await using pair = await stillPair({ sample: 0 }, failing);
    for (let i = 0; i < 20; i++) await rejection(pair.client.unary({}));
    expect(pair.lines()).toHaveLength(20);
    expect(pair.lines()[0]?.fields).not.toHaveProperty('sample');
  });

  test('slow calls whatever the sample', async () => {
    const go = [deferred(), deferred()];
    const begun = [deferred(), deferred()];
    let calls = 0;
    const unary = async (): Promise<object> => {
      const call = calls++;
      begun[call]?.resolve();
      await go[call]?.promise;
      return {};
    };
    await using pair = await stillPair({ sample: 0, slowMs: 500 }, { unary });
    for (const [index, ms] of [499, 500].entries()) {
      const called = pair.client.unary({}, { timeoutMs: 2_000 });
      await begun[index]?.promise;
      pair.clock.advance(ms);
      go[index]?.resolve();
      await called;
    }
    expect(pair.lines()).toMatchObject([
      {
        level: 'info',
        fields: { code: 'OK', slow: true, durationMs: 500, timeoutMs: 2_000, remainingMs: 1_500 },
      },
    ]);
  });

  test('of failures no more than the bound, and then how many were left out', async () => {
    await using pair = await stillPair({ sample: 0, errorsPerSecond: 5 }, failing);
    const fail = (): Promise<unknown> => rejection(pair.client.unary({}));
    for (let i = 0; i < 12; i++) await fail();
    expect(pair.lines()).toHaveLength(5);
    pair.clock.advance(999);
    await fail();
    expect(pair.lines()).toHaveLength(6);
    expect(pair.log.filter(({ message }) => message !== 'call')).toEqual([]);
    pair.clock.advance(1);
    await fail();
    expect(pair.log.filter(({ message }) => message !== 'call')).toEqual([
      {
        level: 'warn',
        fields: { suppressed: 7, codes: { NOT_FOUND: 7 } },
        message: 'calls left out of the access log',
      },
    ]);
    pair.clock.advance(60_000);
    await fail();
    expect(pair.lines()).toHaveLength(8);
    expect(pair.log.filter(({ message }) => message !== 'call')).toHaveLength(1);
  });

  test('only those that arrive, where nothing else is said', async () => {
    await using pair = await loggedPair({ sample: 1 });
    await pair.client.unary({});
    expect(pair.lines().map(({ fields }) => fields['side'])).toEqual(['server']);
  });

  test.each([
    [undefined, 0],
    [true, 1],
  ])('health checks with %s: %d', async (healthChecks, expected) => {
    const options = { sample: 1, ...(healthChecks !== undefined && { healthChecks }) };
    await using pair = await loggedPair(options);
    await using health = createClient(HealthDefinition, pair.target, { runtime: pair.runtime });
    await health.check({ service: '' });
    expect(pair.lines()).toHaveLength(expected);
  });
});

test('a call without a deadline', async () => {
  await using pair = await stillPair({ sides: ['server', 'client'], sample: 1 });
  await pair.client.unary({}, { timeoutMs: Number.POSITIVE_INFINITY });
  const fields = { timeoutMs: null, remainingMs: null };
  expect(pair.lines()).toMatchObject([{ fields }, { fields }]);
});

test('a log of its own, and not the one of the runtime', async () => {
  const logger = recordingLogger();
  await using pair = await loggedPair({ sample: 1, logger });
  await pair.client.unary({});
  expect(logger.entries).toMatchObject([{ level: 'info', message: 'call' }]);
  expect(pair.log).toEqual([]);
});

test('a log that throws harms no call', async () => {
  let lines = 0;
  const broken = (): void => {
    lines++;
    throw new Error('no space left on device');
  };
  const logger = { error: broken, warn: broken, info: broken };
  const runtime = runtimeTo(logger, { sides: ['server', 'client'], sample: 1 });
  await using pair = await startPair(failing, { runtime });
  await expect(pair.client.unarySafe({ sample: { text: 'a' } })).resolves.toMatchObject({
    sample: { text: 'a' },
  });
  await expect(pair.client.unary({})).rejects.toMatchObject({ code: Status.NOT_FOUND });
  expect(lines).toBe(4);
});

describe('options that make no sense', () => {
  const wrong: [option: string, options: object][] = [
    ['accessLog.sample', { sample: 1.1 }],
    ['accessLog.sample', { sample: Number.NaN }],
    ['accessLog.sample', { sample: '0.5' }],
    ['accessLog.slowMs', { slowMs: 0 }],
    ['accessLog.errorsPerSecond', { errorsPerSecond: 0 }],
    ['accessLog.sides', { sides: [] }],
    ['accessLog.sides', { sides: ['both'] }],
    ['accessLog.sides', { sides: 'server' }],
    ['accessLog.logger', { logger: {} }],
    ['accessLog.healthChecks', { healthChecks: 'no' }],
    ['accessLog.samples', { samples: 1 }],
    ['accessLog.metadata', { metadata: 'x-request-id' }],
    ['accessLog.metadata[0]', { metadata: ['x request'] }],
    ['accessLog.metadata[1]', { metadata: ['x-request-id', 'Authorization'] }],
    ['accessLog.metadata[0]', { metadata: ['cookie'] }],
    ['accessLog.metadata[0]', { metadata: ['set-cookie'] }],
    ['accessLog.metadata[0]', { metadata: ['proxy-authorization'] }],
    ['accessLog.metadata[0]', { metadata: ['x-trace-bin'] }],
    ...[
      ...['X-Token', 'x-amz-security-token', 'x-forwarded-access-token', 'client-secret'],
      ...[
        'x-api-key',
        'X-Goog-Api-Key',
        'apikey',
        'x-password',
        'x-amz-credential',
        'x-session-id',
      ],
      ...['set-cookie2', 'authentication', 'x-forwarded-authorization'],
    ].map((key): [string, object] => [`accessLog.metadata[0] is '${key}',`, { metadata: [key] }]),
  ];
  test.each(wrong)('%s: %o', (option, options) => {
    expect(() => accessLog(options as AccessLogOptions)).toThrow(ConfigError);
    expect(() => accessLog(options as AccessLogOptions)).toThrow(`${option} `);
  });

  test('why a key is refused', () => {
    expect(() => accessLog({ metadata: ['Authorization'] })).toThrow(/carries credentials/);
    expect(() => accessLog({ metadata: ['x-trace-bin'] })).toThrow(/bytes/);
  });
});
