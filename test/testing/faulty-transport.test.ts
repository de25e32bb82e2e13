import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { ConfigError, Status } from '../../src/index.ts';
import type { FaultyTransport, PairClientOptions } from '../../src/testing/index.ts';
import {
  faultyTransport,
  inMemoryTransport,
  stubService,
  testPair,
} from '../../src/testing/index.ts';
import type { ShapesDefinition } from '../support/harness.ts';
import { deferred, rejection, startPair, TRANSPORTS } from '../support/harness.ts';

/** What a connection does is to be seen, not what another attempt makes of it. */
const ONCE: PairClientOptions<ShapesDefinition> = { defaults: { retry: false, timeoutMs: 5_000 } };

/** Lets everything go on that waits for no clock. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

describe.each(TRANSPORTS)('over %s', (_name, make) => {
  /** A pair whose `unary` tells that it began, and answers when it is told to. */
  async function held() {
    const net = faultyTransport(make());
    const began = deferred();
    const finish = deferred();
    const unary = async (): Promise<{ sample: { text: string } }> => {
      began.resolve();
      await finish.promise;
      return { sample: { text: 'finished' } };
    };
    const pair = await startPair({ unary }, { transport: net, client: ONCE });
    return { net, pair, began, finish, address: `127.0.0.1:${pair.port}` };
  }

  test('without a fault it is the transport that it wraps', async () => {
    const inner = make();
    const net = faultyTransport(inner);
    expect(net.name).toBe(`faulty ${inner.name}`);
    expect(net.local).toBe(inner.local ?? false);
    await using pair = await startPair({}, { transport: net });
    const { sample } = await pair.client.unarySafe({ sample: { text: 'through' } });
    expect(sample?.text).toBe('through');
  });

  test('break() fails the calls in flight there, and the client connects anew', async () => {
    const { net, pair, began, address } = await held();
    await using _pair = pair;
    const call = rejection(pair.client.unary({}));
    await began.promise;
    expect(net.break(address)).toBe(1);
    expect(await call).toMatchObject({ code: Status.UNAVAILABLE, processed: 'unknown' });
    await pair.client.unarySafe({}, { waitForReady: true });
    expect(net.break()).toBe(1);
  });

  test('break() elsewhere harms nobody', async () => {
    const { net, pair, began, finish } = await held();
    await using _pair = pair;
    const call = pair.client.unary({});
    await began.promise;
    expect(net.break('127.0.0.2:1')).toBe(0);
    expect(net.break((address) => address.startsWith('10.'))).toBe(0);
    finish.resolve();
    expect((await call).sample?.text).toBe('finished');
  });

  test('refuse() fails new connections and leaves the open ones', async () => {
    const { net, pair, address } = await held();
    await using _pair = pair;
    await pair.client.unarySafe({});
    net.refuse(address);
    const refused = await rejection(pair.connect(ONCE).unarySafe({}));
    expect(refused).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
    expect(String(refused)).toContain(`Cannot connect to ${address}: the test refuses it`);
    await pair.client.unarySafe({});
    net.heal(address);
    await pair.connect(ONCE).unarySafe({});
  });

  test('stall() keeps connections from becoming ready until it is healed', async () => {
    const { net, pair } = await held();
    await using _pair = pair;
    await pair.client.unarySafe({});
    net.stall();
    let answered = false;
    const call = pair.connect(ONCE).unarySafe({ sample: { text: 'at last' } });
    void call.then(() => void (answered = true));
    await pair.client.unarySafe({});
    await turns();
    expect(answered).toBe(false);
    net.heal();
    expect((await call).sample?.text).toBe('at last');
  });

  test('stall() ends with the time to connect', async () => {
    const { net, pair, address } = await held();
    await using _pair = pair;
    net.stall(address);
    const client = pair.connect({ ...ONCE, connectTimeoutMs: 40 });
    const late = await rejection(client.unarySafe({}));
    expect(late).toMatchObject({ code: Status.UNAVAILABLE });
    expect(String(late)).toContain('no connection within 40 ms: the test stalls it');
  });

  test('drain() lets calls in flight end, and sends new ones over a new connection', async () => {
    const { net, pair, began, finish, address } = await held();
    await using _pair = pair;
    const call = pair.client.unary({});
    await began.promise;
    expect(net.drain(address)).toBe(1);
    await pair.client.unarySafe({}, { waitForReady: true });
    finish.resolve();
    expect((await call).sample?.text).toBe('finished');
    await expect.poll(() => net.drain()).toBe(1);
    expect(net.drain()).toBe(0);
  });
});

describe('delay()', () => {
  async function delayed(ms: number) {
    const net = faultyTransport(inMemoryTransport());
    const stub = stubService(ShapesServiceDefinition, { unary: {}, unarySafe: {} });
    const pair = await testPair(ShapesServiceDefinition, stub, { transport: net, client: ONCE });
    await pair.client.unarySafe({});
    net.delay(`127.0.0.1:${pair.port}`, ms);
    return { net, stub, pair, clock: pair.runtime.clock };
  }

  test('keeps a call from its server for that long, on the clock of the client', async () => {
    const { stub, pair, clock } = await delayed(100);
    await using _pair = pair;
    const call = pair.client.unary({});
    await turns();
    clock.advance(99);
    await turns();
    expect(stub.calls.unary).toHaveLength(0);
    clock.advance(1);
    await call;
    expect(stub.calls.unary).toHaveLength(1);
    expect(stub.calls.unary[0]?.context.remainingMs()).toBe(4_900);
  });

  test.each([
    ['healed', (net) => net.heal()],
    ['healed there', (net) => net.heal((address) => address.startsWith('127.'))],
    ['set to 0', (net, address) => net.delay(address, 0)],
  ] satisfies [string, (net: FaultyTransport, address: string) => void][])(
    'is over for new calls once it is %s',
    async (_how, end) => {
      const { net, stub, pair } = await delayed(100);
      await using _pair = pair;
      end(net, `127.0.0.1:${pair.port}`);
      await pair.client.unary({});
      expect(stub.calls.unary).toHaveLength(1);
    },
  );

  test('does not hold up a call that is cancelled or out of time', async () => {
    const { stub, pair, clock } = await delayed(100);
    await using _pair = pair;
    const controller = new AbortController();
    const cancelled = rejection(pair.client.unary({}, { signal: controller.signal }));
    const late = rejection(pair.client.unary({}, { timeoutMs: 50 }));
    await turns();
    controller.abort();
    clock.advance(50);
    expect(await cancelled).toMatchObject({ code: Status.CANCELLED });
    expect(await late).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    clock.advance(100);
    await turns();
    expect(stub.calls.unary).toHaveLength(0);
  });

  test('a break meanwhile fails the call, which never gets there', async () => {
    const { net, stub, pair, clock } = await delayed(100);
    await using _pair = pair;
    const call = rejection(pair.client.unary({}));
    await turns();
    expect(net.break()).toBe(1);
    expect(await call).toMatchObject({ code: Status.UNAVAILABLE, processed: 'unknown' });
    clock.advance(100);
    await turns();
    expect(stub.calls.unary).toHaveLength(0);
  });

  test('a goodbye meanwhile lets it arrive', async () => {
    const { net, stub, pair, clock } = await delayed(100);
    await using _pair = pair;
    const call = pair.client.unary({});
    await turns();
    net.refuse();
    expect(net.drain()).toBe(1);
    await turns();
    clock.advance(100);
    await call;
    expect(stub.calls.unary).toHaveLength(1);
    await turns();
    // Nothing is open any more: no other connection could be had.
    expect(net.break()).toBe(0);
  });

  test('a goodbye to a connection whose slow calls are all cancelled closes it', async () => {
    const { net, pair } = await delayed(100);
    await using _pair = pair;
    const controller = new AbortController();
    const call = rejection(pair.client.unary({}, { signal: controller.signal }));
    await turns();
    net.refuse();
    expect(net.drain()).toBe(1);
    controller.abort();
    await call;
    await turns();
    expect(net.break()).toBe(0);
  });

  test.each([-1, Number.NaN])('refuses %d ms', (ms) => {
    const net = faultyTransport(inMemoryTransport());
    expect(() => net.delay('a:1', ms)).toThrow(RangeError);
  });
});

test('a stalled connection waits for its own address, and is in time once that is healed', async () => {
  const net = faultyTransport(inMemoryTransport());
  const stub = stubService(ShapesServiceDefinition, { unary: {} });
  net.stall();
  const client = { ...ONCE, connectTimeoutMs: 1_000 };
  await using pair = await testPair(ShapesServiceDefinition, stub, { transport: net, client });
  const call = pair.client.unary({});
  await turns();
  net.heal('127.0.0.2:1');
  await turns();
  expect(stub.calls.unary).toHaveLength(0);
  net.heal(`127.0.0.1:${pair.port}`);
  await call;
  pair.runtime.clock.advance(1_000);
  await turns();
  expect(net.break()).toBe(1);
});

describe('which addresses', () => {
  test('what was said last of an address counts, one healed among all refused', async () => {
    const net = faultyTransport(inMemoryTransport());
    await using one = await startPair({}, { transport: net, client: ONCE });
    await using two = await startPair({}, { transport: net, client: ONCE });
    net.refuse();
    net.heal(`127.0.0.1:${two.port}`);
    expect(await rejection(one.client.unarySafe({}))).toMatchObject({ code: Status.UNAVAILABLE });
    await two.client.unarySafe({});
    net.refuse();
    expect(await rejection(two.connect(ONCE).unarySafe({}))).toMatchObject({ processed: 'no' });
  });

  test('a text that could never match is refused', () => {
    const net = faultyTransport(inMemoryTransport());
    expect(() => net.refuse('orders')).toThrow(ConfigError);
    expect(() => net.stall('orders')).toThrow("'orders' in a fault has no port: write host:port");
    expect(() => net.delay('orders', 5)).toThrow(ConfigError);
    expect(() => net.break('')).toThrow(ConfigError);
    expect(() => net.drain('a:b:c')).toThrow(ConfigError);
    expect(() => net.heal('orders')).toThrow(ConfigError);
    expect(net.break('unix:/run/orders.sock')).toBe(0);
  });
});
