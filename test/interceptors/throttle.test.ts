import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { CircuitOpenError, RejectedError, RpcError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import { Status } from '../../src/core/status.ts';
import { throttle } from '../../src/interceptors/throttle.ts';
import { DEFAULT_THROTTLE } from '../../src/policies/policy.ts';
import { AdaptiveThrottle } from '../../src/policies/throttle.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest, methodOf } from './layer-call.ts';

function make(innermost: Handler<ClientCall>, on: boolean = true) {
  const runtime = testRuntime();
  const adaptive = new AdaptiveThrottle(DEFAULT_THROTTLE, runtime.clock, runtime.random);
  const layer = throttle(() => (on ? adaptive : undefined));
  return { adaptive, layer: new LayerUnderTest(runtime, layer, innermost) };
}

async function outcomes(layer: LayerUnderTest, calls: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (let n = 0; n < calls; n++) {
    seen.push(await layer.run(layer.call()).catch((error: unknown) => error));
  }
  return seen;
}

function failWith(code: Status, processed: 'no' | 'unknown' = 'unknown'): RpcError {
  return new RpcError('/test.Shop/Buy', { code, details: 'no', processed });
}

describe('throttle', () => {
  test('an overloaded server is spared most calls; without the layer it gets all', async () => {
    const reached = { on: 0, off: 0 };
    const serve = (mode: 'on' | 'off') => () => {
      reached[mode]++;
      return Promise.reject(failWith(Status.RESOURCE_EXHAUSTED));
    };
    const { layer } = make(serve('on'));
    const seen = await outcomes(layer, 1_000);
    const refused = seen.filter((error) => error instanceof RejectedError);
    expect(refused.length).toBe(1_000 - reached.on);
    expect(reached.on).toBeLessThan(250);
    expect(refused[0]).toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'throttled',
      processed: 'no',
    });
    expect(String(refused.at(-1))).toMatch(/is throttled: its server turns calls away, so \d\d %/);
    await outcomes(make(serve('off'), false).layer, 1_000);
    expect(reached.off).toBe(1_000);
  });

  test.each([
    ['RESOURCE_EXHAUSTED', failWith(Status.RESOURCE_EXHAUSTED), true],
    ['UNAVAILABLE', failWith(Status.UNAVAILABLE), true],
    ['UNAVAILABLE, not processed', failWith(Status.UNAVAILABLE, 'no'), true],
    ['NOT_FOUND', failWith(Status.NOT_FOUND), false],
    ['INTERNAL', failWith(Status.INTERNAL), false],
    ['DEADLINE_EXCEEDED', failWith(Status.DEADLINE_EXCEEDED), false],
    ['CANCELLED', failWith(Status.CANCELLED), false],
    ['an open breaker', new CircuitOpenError('/test.Shop/Buy', 1, 1), false],
    ['RESOURCE_EXHAUSTED, never sent', failWith(Status.RESOURCE_EXHAUSTED, 'no'), false],
  ])('%s', async (_name, error, rejected) => {
    const { adaptive, layer } = make(() => Promise.reject(error));
    await outcomes(layer, 1);
    expect(adaptive.probability > 0).toBe(rejected);
  });

  test.each([
    ['an answer', () => Promise.resolve('answer'), true],
    ['an error of the handler', () => Promise.reject(failWith(Status.NOT_FOUND)), true],
    ['a deadline', () => Promise.reject(failWith(Status.DEADLINE_EXCEEDED)), false],
    ['a call never sent', () => Promise.reject(failWith(Status.INTERNAL, 'no')), false],
    ['a layer that threw', () => Promise.reject(new Error('no token')), false],
  ])('%s counts as accepted: %s', async (_name, innermost, accepted) => {
    const { adaptive, layer } = make(innermost);
    adaptive.onRejected();
    adaptive.onRejected();
    await outcomes(layer, 1);
    // (2 − 0) / (2 + 8), or (3 − 2) / (3 + 8).
    expect(adaptive.probability).toBeCloseTo(accepted ? 1 / 11 : 2 / 10);
  });

  test.each(TRANSPORTS)(
    'over %s, a response over this side’s limit is no refusal of the server',
    async (_name, makeTransport) => {
      const runtime = testRuntime();
      const adaptive = new AdaptiveThrottle(DEFAULT_THROTTLE, runtime.clock, runtime.random);
      await using p = await startPair(
        {},
        {
          transport: makeTransport(),
          client: {
            limits: { messageBytes: 100 },
            interceptors: { perCall: [throttle(() => adaptive)] },
          },
        },
      );
      const error = await rejection(p.client.unary({ sample: { text: 'x'.repeat(200) } }));
      expect(error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
      expect(adaptive.probability).toBe(0);
    },
  );

  test('a streamed response is accepted when it begins', async () => {
    const runtime = testRuntime();
    const adaptive = new AdaptiveThrottle(DEFAULT_THROTTLE, runtime.clock, runtime.random);
    await using p = await startPair(
      {
        async *serverStream() {
          yield { index: 0 };
          throw new Error('broken');
        },
      },
      { client: { interceptors: { perCall: [throttle(() => adaptive)] } } },
    );
    adaptive.onRejected();
    adaptive.onRejected();
    const stream = p.client.serverStream({ count: 1 });
    await stream.next();
    expect(adaptive.probability).toBeCloseTo(1 / 11);
    await rejection(stream.next());
    expect(adaptive.probability).toBeCloseTo(1 / 11);
  });

  test('without a policy the layer is not there', () => {
    const next: Handler<ClientCall> = () => Promise.resolve('answer');
    expect(throttle(() => undefined)(next, methodOf())).toBe(next);
  });
});
