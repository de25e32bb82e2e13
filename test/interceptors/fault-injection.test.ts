import { Metadata } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { RpcError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import { Status } from '../../src/core/status.ts';
import { faultInjection } from '../../src/interceptors/fault-injection.ts';
import type { FaultPolicy } from '../../src/policies/policy.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { collect, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest, methodOf, settle } from './layer-call.ts';

const ABORT = { code: 'UNAVAILABLE', details: 'on purpose' } as const;

function make(faults: readonly FaultPolicy[] | undefined) {
  const runtime = testRuntime();
  const reached: ClientCall[] = [];
  const innermost: Handler<ClientCall> = (call) => {
    reached.push(call);
    return Promise.resolve('answer');
  };
  const layer = new LayerUnderTest(
    runtime,
    faultInjection(() => faults),
    innermost,
  );
  return { clock: runtime.clock, reached, layer };
}

describe('faultInjection', () => {
  test('ends calls before they reach anything', async () => {
    const { layer, reached } = make([{ percent: 100, abort: ABORT }]);
    const error = await rejection(layer.run(layer.attempt()));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, details: 'on purpose' });
    expect(reached).toEqual([]);
  });

  test('delays by the clock of the runtime', async () => {
    const { clock, layer, reached } = make([{ percent: 100, delayMs: 50 }]);
    const run = layer.run(layer.attempt());
    clock.advance(49);
    await settle();
    expect(reached).toEqual([]);
    clock.advance(1);
    expect(await run).toBe('answer');
    expect(clock.pending).toBe(0);
  });

  test('delays, then aborts', async () => {
    const { clock, layer } = make([{ percent: 100, delayMs: 50, abort: ABORT }]);
    const attempt = layer.attempt();
    const failed = rejection(layer.run(attempt));
    await settle();
    expect(attempt.ended).toBeUndefined();
    clock.advance(50);
    expect(await failed).toMatchObject({ code: Status.UNAVAILABLE });
  });

  test('a call that is cancelled does not wait on', async () => {
    const { clock, layer, reached } = make([{ percent: 100, delayMs: 50 }]);
    const attempt = layer.attempt();
    const failed = rejection(layer.run(attempt));
    attempt.cancel({ code: Status.CANCELLED, details: 'left' });
    expect(await failed).toMatchObject({ code: Status.CANCELLED, details: 'left' });
    expect(clock.pending).toBe(0);
    expect(reached).toEqual([]);
  });

  test('strikes the share that it was given, and only calls with its header', async () => {
    const header = { name: 'x-chaos', value: 'yes' };
    const { layer } = make([{ percent: 50, abort: ABORT, header }]);
    const outcomes = { marked: 0, plain: 0 };
    for (let n = 0; n < 1_000; n++) {
      const marked = layer.attempt();
      marked.headers = Metadata({ 'x-chaos': 'yes' });
      await layer.run(marked).catch(() => outcomes.marked++);
      await layer.run(layer.attempt()).catch(() => outcomes.plain++);
    }
    expect(outcomes.plain).toBe(0);
    expect(outcomes.marked).toBeGreaterThan(450);
    expect(outcomes.marked).toBeLessThan(550);
  });

  test('is not there unless faults are given, and refuses what is none', () => {
    const next: Handler<ClientCall> = () => Promise.resolve('answer');
    expect(faultInjection<ClientCall>(() => undefined)(next, methodOf())).toBe(next);
    expect(faultInjection<ClientCall>(() => [])(next, methodOf())).toBe(next);
    const wrong = faultInjection<ClientCall>(() => [{ percent: 1 }]);
    expect(() => wrong(next, methodOf())).toThrow('faults[0] does nothing');
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const faults: readonly FaultPolicy[] = [
    { percent: 100, abort: ABORT, header: { name: 'x-chaos' } },
  ];
  const metadata = { 'x-chaos': '1' };

  test('a server strikes before its handler runs, in all four shapes', async () => {
    let handled = 0;
    await using p = await startPair(
      {
        async unary() {
          handled++;
          return {};
        },
      },
      {
        transport: makeTransport(),
        server: { interceptors: { beforeHandler: [faultInjection(() => faults)] } },
      },
    );
    const expected = { code: Status.UNAVAILABLE, details: 'on purpose' };
    const { client } = p;
    expect(await rejection(client.unary({}, { metadata }))).toMatchObject(expected);
    expect(await rejection(client.clientStream(one(), { metadata }))).toMatchObject(expected);
    expect(await rejection(collect(client.serverStream({ count: 1 }, { metadata })))).toMatchObject(
      expected,
    );
    expect(await rejection(collect(client.bidi(one(), { metadata })))).toMatchObject(expected);
    expect(handled).toBe(0);
    await client.unary({});
    expect(handled).toBe(1);
  });

  test('a delay on the server ends with the deadline of the call', async () => {
    let handled = 0;
    const late: FaultPolicy = { percent: 100, delayMs: 60_000 };
    await using p = await startPair(
      {
        async unary() {
          handled++;
          return {};
        },
      },
      {
        transport: makeTransport(),
        server: { interceptors: { beforeHandler: [faultInjection(() => [late])] } },
      },
    );
    expect(await rejection(p.client.unary({}, { timeoutMs: 30 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
    expect(handled).toBe(0);
  });

  test('a client strikes by the header that its caller gave', async () => {
    await using p = await startPair(
      {},
      {
        transport: makeTransport(),
        client: { interceptors: { perAttempt: [faultInjection(() => faults)] } },
      },
    );
    expect(await rejection(p.client.unary({}, { metadata }))).toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'on purpose',
    });
    expect(await p.client.unary({})).toBeDefined();
  });
});

async function* one() {
  yield { sample: { text: 'a' } };
}
