import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { RejectedError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import { Status } from '../../src/core/status.ts';
import { rateLimit } from '../../src/interceptors/rate-limit.ts';
import { TokenBucket } from '../../src/policies/token-bucket.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';
import { LayerUnderTest, methodOf } from './layer-call.ts';

const next: Handler<ClientCall> = () => Promise.resolve('answer');

describe('rateLimit', () => {
  test('lets the burst through and says when the next call may be made', async () => {
    const runtime = testRuntime();
    const bucket = new TokenBucket({ perSecond: 8, burst: 2 }, runtime.clock);
    let reached = 0;
    const layer = new LayerUnderTest(
      runtime,
      rateLimit(() => bucket),
      () => Promise.resolve(++reached),
    );
    await layer.run(layer.call());
    await layer.run(layer.call());
    const error = await rejection(layer.run(layer.call()));
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: 'rate_limited',
      processed: 'no',
      details: '/test.Shop/Buy is limited to 8 calls a second; the next may be made in 125 ms',
    });
    expect(reached).toBe(2);
    runtime.clock.advance(125);
    expect(await layer.run(layer.call())).toBe(3);
  });

  test('without a limit the layer is not there', () => {
    expect(rateLimit(() => undefined)(next, methodOf())).toBe(next);
  });
});
