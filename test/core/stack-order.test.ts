import { expect, test } from 'vitest';

import type { Call, ClientCall, Handler, Interceptor, ServerCall } from '../../src/index.ts';
import { clientStack, serverStack } from '../../src/index.ts';
import { Draining } from '../../src/core/draining.ts';
import { ReplayQuota } from '../../src/policies/replay-buffer.ts';
import { startPair } from '../support/harness.ts';

const NOTHING_CONFIGURED: Parameters<typeof serverStack>[0] = {
  telemetry: [],
  draining: new Draining(),
  admission: undefined,
  rateLimits: undefined,
  bulkheadOf: () => undefined,
  faultsOf: () => undefined,
  authenticators: [],
  rules: undefined,
  maxTimeoutMs: 1,
  propagate: [],
  validatorOf: () => undefined,
  refusal: () => ({ code: 3, details: '' }),
};

test('the default client stack has its layers in the documented order', () => {
  const shared = { retryBudget: undefined, replayQuota: new ReplayQuota() };
  const nothing = (): undefined => undefined;
  const stateOf = (): never => {
    throw new Error('asked only when a layer is bound');
  };
  const names = clientStack({
    telemetry: [],
    stateOf,
    fallbackOf: nothing,
    classifierOf: nothing,
    shared,
  }).map(({ name }) => name);
  expect(names).toEqual([
    'context',
    'caller-name',
    'telemetry',
    'perCall',
    'fallback',
    'rate-limit',
    'throttle',
    'bulkhead',
    'retry',
    'attempt-telemetry',
    'breaker',
    'attempt-timeout',
    'perAttempt',
    'fault-injection',
  ]);
});

test('the default server stack has its layers in the documented order', () => {
  const names = serverStack(NOTHING_CONFIGURED).map(({ name }) => name);
  expect(names).toEqual([
    'telemetry',
    'outermost',
    'error-mapping',
    'context',
    'drain-gate',
    'admission',
    'authentication',
    'rate-limit',
    'authorization',
    'method-bulkhead',
    'fault-injection',
    'validation',
    'beforeHandler',
  ]);
});

test('a call passes user layers in order, around what stands between them', async () => {
  const road: string[] = [];
  const note =
    <C extends Call>(name: string): Interceptor<C> =>
    (next: Handler<C>): Handler<C> =>
    async (call) => {
      road.push(`> ${name}`);
      const payload = await next(call);
      road.push(`< ${name}`);
      return payload;
    };
  await using pair = await startPair(
    {
      async unary() {
        road.push('handler');
        return {};
      },
    },
    {
      client: {
        interceptors: {
          perCall: [note<ClientCall>('call 1'), note<ClientCall>('call 2')],
          perAttempt: [note<ClientCall>('attempt')],
        },
      },
      server: {
        interceptors: {
          outermost: [note<ServerCall>('outermost')],
          beforeHandler: [note<ServerCall>('before')],
        },
        authenticate: async () => {
          road.push('authenticate');
          return { scheme: 'test', subject: 'me', claims: {} };
        },
        authorize: {
          'inboard.testing.v1.ShapesService': () => {
            road.push('authorize');
            return true;
          },
        },
      },
      service: {
        validate: {
          unary: () => {
            road.push('validate');
            return [];
          },
        },
      },
    },
  );
  await pair.client.unary({});
  expect(road).toEqual([
    '> call 1',
    '> call 2',
    '> attempt',
    '> outermost',
    'authenticate',
    'authorize',
    'validate',
    '> before',
    'handler',
    '< before',
    '< outermost',
    '< attempt',
    '< call 2',
    '< call 1',
  ]);
});

test('a layer that does not apply costs nothing: it returns what it was given', () => {
  const handler = async (): Promise<undefined> => undefined;
  const stack = serverStack(NOTHING_CONFIGURED);
  const idle = stack.filter(({ name }) =>
    [
      'admission',
      'authentication',
      'rate-limit',
      'authorization',
      'method-bulkhead',
      'fault-injection',
      'validation',
    ].includes(name),
  );
  const method = { service: 'a.B', name: 'C', requestStream: false } as never;
  for (const { layers } of idle)
    for (const layer of layers) expect(layer(handler, method)).toBe(handler);
  expect(idle).toHaveLength(7);
});
