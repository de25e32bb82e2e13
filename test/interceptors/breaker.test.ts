import { ServerError } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { CircuitOpenError, RpcError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import type { Shape } from '../../src/core/method.ts';
import type { CallStatus } from '../../src/core/status.ts';
import { OK, Status } from '../../src/core/status.ts';
import { breaker } from '../../src/interceptors/breaker.ts';
import { Breaker } from '../../src/policies/breaker.ts';
import type { FailureClassifier } from '../../src/policies/failure.ts';
import { isFailure } from '../../src/policies/failure.ts';
import { LatencyWindow } from '../../src/policies/latency-window.ts';
import { DEFAULT_BREAKER } from '../../src/policies/policy.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { collect, deferred, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest, methodOf } from './layer-call.ts';

const AWAY: CallStatus = { code: Status.UNAVAILABLE, details: 'away' };
const POLICY = { ...DEFAULT_BREAKER, jitter: 0 };

interface Setup {
  readonly on?: boolean;
  readonly shape?: Shape;
  readonly classify?: FailureClassifier;
}

function make(innermost: Handler<ClientCall>, { on = true, shape, classify }: Setup = {}) {
  const runtime = testRuntime();
  const { clock, logger } = runtime;
  const circuit = new Breaker(POLICY, clock, runtime.random);
  const latency = new LatencyWindow(clock);
  const layer = breaker(
    () => (on ? circuit : undefined),
    () => latency,
    () => classify,
  );
  const underTest = new LayerUnderTest(runtime, layer, innermost, shape);
  return { clock, logger, circuit, latency, layer: underTest };
}

const failing: Handler<ClientCall> = (call) => Promise.reject(new RpcError(call.method.path, AWAY));

/** A handler whose answers a test gives one by one. */
function manual() {
  const calls: PromiseWithResolvers<unknown>[] = [];
  const handler: Handler<ClientCall> = () => {
    const answer = deferred<unknown>();
    calls.push(answer);
    return answer.promise;
  };
  return { calls, handler };
}

async function failTimes(layer: LayerUnderTest, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await rejection(layer.run(layer.attempt()));
}

describe('breaker', () => {
  test('spares a method that keeps failing; without it every call is made', async () => {
    const reached = { on: 0, off: 0 };
    const serve =
      (mode: 'on' | 'off'): Handler<ClientCall> =>
      (call) => {
        reached[mode]++;
        return failing(call);
      };
    await failTimes(make(serve('on')).layer, 100);
    await failTimes(make(serve('off'), { on: false }).layer, 100);
    expect(reached).toEqual({ on: 20, off: 100 });
  });

  test('refuses with method, since when, and when the next probe may go', async () => {
    const { clock, layer } = make(failing);
    await failTimes(layer, 20);
    clock.advance(500);
    const error = await rejection(layer.run(layer.attempt()));
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'circuit_open',
      processed: 'no',
      openForMs: 500,
      nextProbeInMs: 1_500,
      details: 'The circuit of /test.Shop/Buy has been open for 500 ms; next probe in 1500 ms',
    });
  });

  test('closes after three probes have succeeded', async () => {
    let up = false;
    const { clock, circuit, layer } = make((call) => (up ? Promise.resolve('up') : failing(call)));
    await failTimes(layer, 20);
    up = true;
    clock.advance(2_000);
    for (let n = 0; n < 3; n++) expect(await layer.run(layer.attempt())).toBe('up');
    expect(circuit.state).toBe('closed');
  });

  test('what a server answers is no failure, and frees a probe as a success', async () => {
    let error: CallStatus = AWAY;
    const { clock, circuit, layer } = make((call) =>
      Promise.reject(new RpcError(call.method.path, error)),
    );
    await failTimes(layer, 20);
    clock.advance(2_000);
    error = { code: Status.NOT_FOUND, details: 'none' };
    await failTimes(layer, 3);
    expect(circuit.state).toBe('closed');
    await failTimes(layer, 100);
    expect(circuit.state).toBe('closed');
  });

  test('a layer that throws frees its probe, and closes nothing', async () => {
    let broken = false;
    const { clock, circuit, layer } = make((call) => {
      if (broken) throw new Error('no token');
      return failing(call);
    });
    await failTimes(layer, 20);
    clock.advance(2_000);
    broken = true;
    await failTimes(layer, 10);
    expect(circuit.state).toBe('half_open');
  });

  test('attempts that were cancelled here count nowhere', async () => {
    const { calls, handler } = manual();
    const { circuit, layer } = make(handler);
    const lost = { code: Status.CANCELLED, details: 'Another attempt won' };
    const runs = Array.from({ length: 50 }, () => {
      const attempt = layer.attempt();
      const run = rejection(layer.run(attempt));
      attempt.cancel(lost);
      return run;
    });
    for (const call of calls) call.reject(new RpcError('/test.Shop/Buy', lost));
    await Promise.all(runs);
    expect(circuit.snapshot()).toMatchObject({ calls: 0, failures: 0 });
  });

  test('an attempt whose layers never answer is judged when its call ends', async () => {
    const { circuit, layer } = make(() => new Promise<never>(() => undefined));
    for (let n = 0; n < 20; n++) {
      const call = layer.call();
      void layer.run(layer.attempt(call));
      call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
      call.end({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
    }
    expect(circuit.state).toBe('open');
  });

  test('a deadline that is shorter than the method takes blames no server', async () => {
    const late: CallStatus = { code: Status.DEADLINE_EXCEEDED, details: 'too late' };
    const { clock, circuit, latency, layer } = make((call) => {
      // A layer below may shorten what the attempt has.
      call.deadline = clock.now() + 1;
      return Promise.reject(new RpcError(call.method.path, late));
    });
    for (let n = 0; n < 100; n++) latency.record(200);
    const runWithin = async (budgetMs: number) => {
      const call = layer.call();
      call.deadline = clock.now() + budgetMs;
      await rejection(layer.run(layer.attempt(call)));
    };
    for (let n = 0; n < 100; n++) await runWithin(150);
    expect(circuit.snapshot()).toMatchObject({ state: 'closed', calls: 0 });
    for (let n = 0; n < 20; n++) await runWithin(250);
    expect(circuit.state).toBe('open');
  });

  test('the classifier can be another one', async () => {
    const poison: CallStatus = { code: Status.UNKNOWN, details: 'poison' };
    const throwing: Handler<ClientCall> = (call) =>
      Promise.reject(new RpcError(call.method.path, poison));
    const byDefault = make(throwing);
    await failTimes(byDefault.layer, 20);
    expect(byDefault.circuit.state).toBe('closed');
    const { circuit, layer } = make(throwing, { classify: ({ status }) => status === poison });
    await failTimes(layer, 20);
    expect(circuit.state).toBe('closed');
    const strict = make(throwing, { classify: ({ status }) => status.code === Status.UNKNOWN });
    await failTimes(strict.layer, 20);
    expect(strict.circuit.state).toBe('open');
  });

  test('a classifier that throws is logged, and keeps no probe', async () => {
    let broken = false;
    let up = false;
    const { circuit, clock, layer, logger } = make(
      (call) => (up ? Promise.resolve('up') : failing(call)),
      {
        classify: (outcome) => {
          if (broken) throw new Error('in the classifier');
          return isFailure(outcome);
        },
      },
    );
    await failTimes(layer, 20);
    clock.advance(2_000);
    broken = true;
    await failTimes(layer, 3);
    expect(circuit.state).toBe('half_open');
    expect(logger.entries).toHaveLength(3);
    expect(logger.entries[0]).toMatchObject({
      level: 'error',
      message: 'a failure classifier threw',
      fields: { err: { message: 'in the classifier' }, method: '/test.Shop/Buy' },
    });
    up = true;
    for (let n = 0; n < 3; n++) expect(await layer.run(layer.attempt())).toBe('up');
    expect(circuit.state).toBe('closed');
  });

  test('calls of before it opened do not close it when they succeed later', async () => {
    const { calls, handler } = manual();
    const { clock, circuit, layer } = make((call) =>
      call.request === 'slow' ? handler(call) : failing(call),
    );
    const slow = Array.from({ length: 10 }, () => layer.run(layer.attempt(layer.call('slow'))));
    await failTimes(layer, 20);
    clock.advance(2_000);
    const probe = layer.run(layer.attempt(layer.call('slow')));
    expect(circuit.state).toBe('half_open');
    for (const call of calls.slice(0, 10)) call.resolve('late');
    await Promise.all(slow);
    expect(circuit.state).toBe('half_open');
    calls[10]?.reject(new RpcError('/test.Shop/Buy', AWAY));
    await rejection(probe);
    expect(circuit.state).toBe('open');
  });

  test('without a policy the layer is not there', () => {
    const layer = breaker(
      () => undefined,
      () => undefined,
    );
    expect(layer(failing, methodOf())).toBe(failing);
  });
});

describe('streamed responses', () => {
  test('count when they end', async () => {
    const { circuit, layer } = make(() => Promise.resolve('a stream'), { shape: 'server_stream' });
    const attempts = Array.from({ length: 20 }, () => layer.attempt());
    for (const attempt of attempts) await layer.run(attempt);
    expect(circuit.snapshot().calls).toBe(0);
    for (const attempt of attempts.slice(0, 10)) attempt.end(OK);
    for (const attempt of attempts.slice(10)) attempt.end(AWAY);
    expect(circuit.state).toBe('open');
  });

  test('a probe has succeeded once it begins, and counts once', async () => {
    let up = false;
    const { clock, circuit, layer } = make(
      (call) => (up ? Promise.resolve('a stream') : failing(call)),
      { shape: 'bidi_stream' },
    );
    await failTimes(layer, 20);
    up = true;
    clock.advance(2_000);
    const probes = [layer.attempt(), layer.attempt()];
    for (const probe of probes) await layer.run(probe);
    for (const probe of probes) probe.end(AWAY);
    expect(circuit.state).toBe('half_open');
    await layer.run(layer.attempt());
    expect(circuit.state).toBe('closed');
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  test('sees the end of all four shapes, once each', async () => {
    const runtime = testRuntime();
    const circuit = new Breaker({ ...POLICY, minCalls: 100 }, runtime.clock, runtime.random);
    const layer = breaker(
      () => circuit,
      () => undefined,
    );
    let up = true;
    const answer = (): object => {
      if (up) return {};
      throw new ServerError(Status.UNAVAILABLE, 'away');
    };
    await using p = await startPair(
      {
        async unary() {
          return answer();
        },
        async clientStream() {
          return answer();
        },
        async *serverStream() {
          for (;;) yield answer();
        },
        async *bidi() {
          yield answer();
        },
      },
      { transport: makeTransport(), client: { interceptors: { perAttempt: [layer] } } },
    );
    const seen = (): readonly [calls: number, failures: number] => {
      const { calls, failures } = circuit.snapshot();
      return [calls, failures];
    };
    await p.client.unary({});
    expect(seen()).toEqual([1, 0]);
    await p.client.clientStream(one());
    expect(seen()).toEqual([2, 0]);
    await collect(p.client.bidi(one()));
    expect(seen()).toEqual([3, 0]);
    // One that its caller leaves says nothing.
    for await (const _message of p.client.serverStream({})) break;
    expect(seen()).toEqual([3, 0]);
    const broken = p.client.serverStream({});
    await broken.next();
    expect(seen()).toEqual([3, 0]);
    up = false;
    await rejection(collect(broken));
    expect(seen()).toEqual([4, 1]);
    await rejection(p.client.unary({}));
    await rejection(p.client.clientStream(one()));
    await rejection(collect(p.client.serverStream({})));
    await rejection(collect(p.client.bidi(one())));
    expect(seen()).toEqual([8, 5]);
  });
});

async function* one() {
  yield { sample: { text: 'a' } };
}
