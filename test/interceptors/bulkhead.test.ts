import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { RpcError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import { Status } from '../../src/core/status.ts';
import { bulkhead } from '../../src/interceptors/bulkhead.ts';
import { Bulkhead } from '../../src/policies/bulkhead.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { deferred, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest, methodOf, settle } from './layer-call.ts';

const AWAY = { code: Status.UNAVAILABLE, details: 'away' };

function make(places: Bulkhead | undefined, innermost: Handler<ClientCall>) {
  return new LayerUnderTest(
    testRuntime(),
    bulkhead(() => places),
    innermost,
  );
}

/** Makes 20 calls at once to a server that takes its time; how many it had at most at a time. */
async function peakOf(places: Bulkhead | undefined): Promise<number> {
  let inside = 0;
  let peak = 0;
  const layer = make(places, async () => {
    peak = Math.max(peak, ++inside);
    await settle();
    inside--;
  });
  await Promise.all(Array.from({ length: 20 }, () => layer.run(layer.call())));
  return peak;
}

describe('bulkhead', () => {
  test('bounds how many calls run at a time; without it all do', async () => {
    expect(await peakOf(new Bulkhead({ limit: 3, queue: 100 }))).toBe(3);
    expect(await peakOf(undefined)).toBe(20);
  });

  test('gives the place back, however the call ends', async () => {
    const places = new Bulkhead({ limit: 1, queue: 0 });
    const failing = make(places, () => Promise.reject(new RpcError('/test.Shop/Buy', AWAY)));
    await rejection(failing.run(failing.call()));
    const throwing = make(places, () => {
      throw new Error('thrown');
    });
    await rejection(throwing.run(throwing.call()));
    const answering = make(places, () => Promise.resolve('answer'));
    expect(await answering.run(answering.call())).toBe('answer');
    expect(places.inUse).toBe(0);
  });

  test('a call that is over when its turn comes gives its place to the next', async () => {
    const places = new Bulkhead({ limit: 1, queue: 5 });
    const reached: string[] = [];
    const layer = make(places, (call) => {
      reached.push(call.request as string);
      return Promise.resolve('answer');
    });
    places.tryEnter();
    const first = layer.call('first');
    const second = layer.call('second');
    const runs = [layer.run(first), layer.run(second)];
    places.leave();
    // Its place is taken, but it does not know yet.
    first.end(AWAY);
    await Promise.all(runs);
    expect(reached).toContain('second');
    expect([places.inUse, places.queued]).toEqual([0, 0]);
  });

  test('a call that a layer above sends on again keeps the place it has', async () => {
    const places = new Bulkhead({ limit: 1, queue: 0 });
    const layer = make(places, async (call) => {
      await settle();
      return [call.request, places.inUse];
    });
    const call = layer.call('again');
    await layer.send(call);
    expect(await Promise.all([layer.send(call), layer.send(call)])).toEqual([
      ['again', 1],
      ['again', 1],
    ]);
    // Another call has to have one of its own.
    expect(await rejection(layer.run(layer.call()))).toMatchObject({ reason: 'bulkhead_full' });
    await layer.run(call);
    expect(places.inUse).toBe(0);
  });

  test('a call that waits has one wait, and none once it was refused', async () => {
    const places = new Bulkhead({ limit: 1, queue: 1 });
    const layer = make(places, () => Promise.resolve('answer'));
    places.tryEnter();
    const call = layer.call();
    const answers = [layer.send(call), layer.send(call)];
    expect(places.queued).toBe(1);
    const other = layer.call();
    expect(await rejection(layer.send(other))).toMatchObject({ reason: 'bulkhead_full' });
    places.leave();
    expect(await Promise.all(answers)).toEqual(['answer', 'answer']);
    await layer.run(call);
    expect(places.inUse).toBe(0);
    expect(await layer.run(other)).toBe('answer');
    expect(places.inUse).toBe(0);
  });

  test('without a policy the layer is not there', () => {
    const next: Handler<ClientCall> = () => Promise.resolve('answer');
    expect(bulkhead(() => undefined)(next, methodOf())).toBe(next);
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const options = (places: Bulkhead) => ({
    transport: makeTransport(),
    client: { interceptors: { perCall: [bulkhead(() => places)] } },
  });

  test('a wait ends with the deadline', async () => {
    const places = new Bulkhead({ limit: 1, queue: 1 });
    const release = deferred();
    await using p = await startPair(
      {
        async unary() {
          await release.promise;
          return {};
        },
      },
      options(places),
    );
    const running = p.client.unary({});
    const waiting = rejection(p.client.unary({}, { timeoutMs: 30 }));
    expect(await rejection(p.client.unary({}))).toMatchObject({ reason: 'bulkhead_full' });
    expect(await waiting).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: expect.stringMatching(/waited for a place in its bulkhead$/) as string,
    });
    expect(places.queued).toBe(0);
    release.resolve();
    await running;
    expect(places.inUse).toBe(0);
  });

  test('a stream holds its place until it is over: read, left, broken, cancelled', async () => {
    const places = new Bulkhead({ limit: 1, queue: 0 });
    const release = [deferred(), deferred()];
    await using p = await startPair(
      {
        async *serverStream({ count }) {
          yield {};
          if (count < 2) await release[count]?.promise;
          if (count === 1) throw new Error('broken');
          if (count === 3) yield* endless();
        },
      },
      options(places),
    );
    const read = p.client.serverStream({ count: 0 });
    await read.next();
    expect(places.inUse).toBe(1);
    expect(await rejection(p.client.serverStream({ count: 2 }).next())).toMatchObject({
      reason: 'bulkhead_full',
    });
    release[0]?.resolve();
    await drain(read);
    expect(places.inUse).toBe(0);

    for await (const _message of p.client.serverStream({ count: 3 })) break;
    expect(places.inUse).toBe(0);

    const broken = p.client.serverStream({ count: 1 });
    await broken.next();
    expect(places.inUse).toBe(1);
    release[1]?.resolve();
    await rejection(broken.next());
    expect(places.inUse).toBe(0);

    const controller = new AbortController();
    const left = p.client.serverStream({ count: 3 }, { signal: controller.signal });
    await left.next();
    expect(places.inUse).toBe(1);
    controller.abort();
    await rejection(drain(left));
    expect(places.inUse).toBe(0);

    await p.client.clientStream(requests());
    expect(places.inUse).toBe(0);
  });
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _message of stream);
}

async function* endless() {
  for (;;) yield {};
}

async function* requests() {
  yield { sample: { text: 'a' } };
}
