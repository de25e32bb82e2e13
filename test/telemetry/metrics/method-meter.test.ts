import { describe, expect, test } from 'vitest';

import type { Method, Runtime, Shape } from '../../../src/index.ts';
import { ClientCall, Metrics, RejectedError, Status, TRACE } from '../../../src/index.ts';
import type { ClientMeter } from '../../../src/telemetry/metrics/client-meter.ts';
import { ManualClock, testRuntime } from '../../../src/testing/index.ts';

function methodOf(shape: Shape): Method {
  const codec = { encode: () => new Uint8Array(), decode: () => ({}) };
  return {
    path: `/test.Shop/${shape}`,
    service: 'test.Shop',
    name: shape,
    key: shape,
    shape,
    requestStream: shape === 'client_stream' || shape === 'bidi_stream',
    responseStream: shape === 'server_stream' || shape === 'bidi_stream',
    idempotency: undefined,
    known: true,
    request: codec,
    response: codec,
  };
}

/** Calls of one method on a clock of the test's own, through the layer of `Metrics`. */
class Calls {
  readonly metrics: Metrics = new Metrics();
  readonly clock: ManualClock = new ManualClock();
  private readonly runtime: Runtime;
  private readonly method: Method;

  constructor(shape: Shape = 'unary') {
    this.method = methodOf(shape);
    this.runtime = testRuntime({ clock: this.clock });
  }

  get meter(): ClientMeter {
    return this.metrics.clients.get(this.method.path) as ClientMeter;
  }

  begin(): ClientCall {
    const call = new ClientCall(this.method, this.runtime, {});
    void this.metrics.clientCall(async () => undefined, this.method)(call);
    return call;
  }

  /** One call that takes so long. */
  run(ms: number, code: Status = Status.OK, details = ''): ClientCall {
    const call = this.begin();
    this.clock.advance(ms);
    call.attempts = 1;
    call.end({ code, details });
    return call;
  }
}

describe('rates', () => {
  test('are of the last 10 s, and of as much of them as there was', () => {
    const calls = new Calls();
    for (let count = 0; count < 20; count++) calls.run(100);
    expect(calls.meter.rate(calls.clock.now())).toBeCloseTo(10, 5);
    for (let count = 0; count < 200; count++) calls.run(100);
    expect(calls.meter.rate(calls.clock.now())).toBeGreaterThan(9);
    expect(calls.meter.rate(calls.clock.now())).toBeLessThan(11);
    calls.clock.advance(20_000);
    expect(calls.meter.rate(calls.clock.now())).toBe(0);
  });

  test('success is without what is the fault of the server', () => {
    const calls = new Calls();
    calls.run(1);
    expect(calls.meter.success(calls.clock.now())).toBe(1);
    calls.run(1, Status.NOT_FOUND);
    calls.run(1, Status.UNAVAILABLE);
    calls.run(1, Status.CANCELLED);
    expect(calls.meter.success(calls.clock.now())).toBe(0.75);
    expect(calls.meter.failures).toBe(1);
    calls.clock.advance(20_000);
    expect(calls.meter.success(calls.clock.now())).toBeUndefined();
  });

  test('further attempts have a rate of their own', () => {
    const calls = new Calls();
    for (let count = 0; count < 10; count++) {
      const call = calls.begin();
      calls.clock.advance(200);
      call.attempts = 3;
      call.end({ code: Status.OK, details: '' });
    }
    expect(calls.meter.retryRate(calls.clock.now())).toBeCloseTo(10, 5);
  });
});

test('the latency is of calls that took the time that the method takes', () => {
  const calls = new Calls();
  for (let count = 0; count < 20; count++) calls.run(100);
  for (let count = 0; count < 40; count++) calls.run(0.1, Status.UNAVAILABLE);
  for (let count = 0; count < 40; count++) calls.run(0.1, Status.CANCELLED);
  expect(calls.meter.latency.quantile(0.5)).toBeGreaterThan(90);
  expect(calls.meter.durations.counts.reduce((sum, count) => sum + count, 0)).toBe(100);
});

test('a number that is no code of gRPC counts as UNKNOWN', () => {
  const calls = new Calls();
  calls.run(1, 99 as Status);
  expect(calls.meter.codes[Status.UNKNOWN]).toBe(1);
  expect(calls.meter.ended).toBe(1);
});

test('an ended call is in flight no more, one that ends twice ended once', () => {
  const calls = new Calls();
  const call = calls.begin();
  expect(calls.meter.inFlight).toBe(1);
  call.end({ code: Status.OK, details: '' });
  call.end({ code: Status.INTERNAL, details: '' });
  expect(calls.meter.inFlight).toBe(0);
  expect([...calls.meter.codes].filter((count) => count > 0)).toEqual([1]);
});

describe('recent calls', () => {
  test('slow is what takes more than four times as long as half of them', () => {
    const calls = new Calls();
    for (let count = 0; count < 30; count++) calls.run(20);
    calls.run(75);
    expect(calls.metrics.recent.slow()).toEqual([]);
    calls.run(95);
    expect(calls.metrics.recent.slow().map(({ durationMs }) => durationMs)).toEqual([95]);
  });

  test('under 10 ms nothing is slow', () => {
    const calls = new Calls();
    for (let count = 0; count < 30; count++) calls.run(0.1);
    calls.run(9);
    expect(calls.metrics.recent.slow()).toEqual([]);
    calls.run(11);
    expect(calls.metrics.recent.slow()).toHaveLength(1);
  });

  test('a method that is called seldom has its own measure too', () => {
    const calls = new Calls();
    for (let count = 0; count < 5; count++) {
      calls.run(200);
      calls.clock.advance(60_000);
    }
    expect(calls.metrics.recent.slow()).toEqual([]);
    calls.run(2_000);
    expect(calls.metrics.recent.slow()).toHaveLength(1);
  });

  test('a streamed response is never slow', () => {
    const calls = new Calls('server_stream');
    for (let count = 0; count < 30; count++) calls.run(1);
    calls.run(60_000);
    expect(calls.meter.ended).toBe(31);
    expect(calls.metrics.recent.slow()).toEqual([]);
  });

  test('the last 50 are kept, the newest first, with what is known of each', () => {
    const calls = new Calls();
    for (let count = 1; count <= 60; count++) calls.run(1, Status.UNAVAILABLE, `failure ${count}`);
    const call = calls.begin();
    call.set(TRACE, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) });
    call.attempts = 3;
    call.endpoint = '10.0.0.1:50051';
    calls.clock.advance(5);
    call.end({ code: Status.INTERNAL, details: 'x'.repeat(500) });
    const failed = calls.metrics.recent.failed();
    expect(failed).toHaveLength(50);
    expect(failed[0]).toMatchObject({
      side: 'client',
      atMs: 65,
      durationMs: 5,
      code: Status.INTERNAL,
      details: 'x'.repeat(200),
      attempts: 3,
      peer: '10.0.0.1:50051',
      traceId: 'a'.repeat(32),
    });
    expect(failed.map(({ details }) => details).slice(1)).toEqual(
      Array.from({ length: 49 }, (_, index) => `failure ${60 - index}`),
    );
  });

  test('what one circuit refuses is the last of it, and hides no other failure', () => {
    const calls = new Calls();
    for (let count = 1; count <= 3; count++) calls.run(1, Status.UNAVAILABLE, `failure ${count}`);
    for (let count = 1; count <= 100; count++) {
      const call = calls.begin();
      calls.clock.advance(1);
      const details = `refusal ${count}`;
      const status = { code: Status.UNAVAILABLE, details };
      call.end({ ...status, cause: new RejectedError('/test.Shop/unary', 'circuit_open', status) });
    }
    calls.run(1, Status.INTERNAL, 'another');
    expect(calls.metrics.recent.failed().map(({ details }) => details)).toEqual([
      'another',
      'refusal 100',
      'failure 3',
      'failure 2',
      'failure 1',
    ]);
    expect(calls.meter.failures).toBe(104);
  });

  test('what the caller got wrong is no failure', () => {
    const calls = new Calls();
    calls.run(1, Status.INVALID_ARGUMENT);
    expect(calls.metrics.recent.failed()).toEqual([]);
  });
});
