import { Metadata } from 'nice-grpc-common';
import { describe, expect, test, vi } from 'vitest';

import { HealthDefinition } from '../../generated/grpc/health/v1/health.ts';
import type { RpcError, ServerOptions } from '../../src/index.ts';
import { ConfigError, createClient, createServer, Status } from '../../src/index.ts';
import { frame } from '../../src/transports/framing.ts';
import { ManualClock } from '../../src/testing/index.ts';
import type { Pair, ShapesImplementation } from '../support/harness.ts';
import { deferred, rejection, startPair, testRuntime } from '../support/harness.ts';
import { callHeaders, rawClient, statusOf } from '../support/raw-http2.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const UNARY = `/${SERVICE}/Unary`;

/** No Protobuf message: a server that decodes it says so. */
const GARBAGE = frame(new Uint8Array([255, 255, 255]));

/** Handlers that run until they are told to go on, and how many have begun. */
class Held {
  begun = 0;
  private readonly goOn = deferred();

  readonly implementation: Partial<ShapesImplementation> = {
    unary: async ({ sample }) => {
      this.begun++;
      await this.goOn.promise;
      return { sample };
    },
  };

  release(): void {
    this.goOn.resolve();
  }

  /** Starts calls that are held, and waits until they run. */
  async start(pair: Pair, count: number): Promise<Promise<unknown>[]> {
    const before = this.begun;
    const calls = Array.from({ length: count }, () => pair.client.unary({}));
    await vi.waitUntil(() => this.begun === before + count);
    return calls;
  }
}

/** A pair whose server has some limits. */
async function limited(server: ServerOptions): Promise<{ held: Held; pair: Pair }> {
  const held = new Held();
  return { held, pair: await startPair(held.implementation, { server }) };
}

/** The pushback of a failed call, in ms. */
function pushbackOf(error: unknown): number {
  return Number((error as RpcError).metadata.get('grpc-retry-pushback-ms'));
}

describe('a limit of all calls', () => {
  test('sheds what is above it, says when to come back, and lets go what is over', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 2 });
    await using pair = limitedPair;
    const calls = await held.start(pair, 2);
    const error = await rejection(pair.client.serverStream({ count: 1 }).next());
    expect(error).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: 'The server runs as many calls as it may: 2',
    });
    expect(pushbackOf(error)).toBeGreaterThanOrEqual(50);
    expect(pushbackOf(error)).toBeLessThanOrEqual(150);
    held.release();
    await Promise.all(calls);
    expect(await pair.client.unary({ sample: { text: 'room again' } })).toBeTruthy();
    expect(held.begun).toBe(3);
  });

  test('is not there unless it is asked for: the control', async () => {
    const { held, pair: unlimited } = await limited({});
    await using pair = unlimited;
    const calls = await held.start(pair, 20);
    expect(pair.server.snapshot()).toMatchObject({ inFlight: 20, draining: false });
    held.release();
    await Promise.all(calls);
  });

  test('sheds before the message is decoded', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 1 });
    await using pair = limitedPair;
    await using raw = rawClient(pair.port);
    const send = async () => statusOf(await raw.send(callHeaders(UNARY), GARBAGE));
    // The control: with room it is decoded.
    expect(await send()).toMatchObject({ code: Status.INTERNAL });
    const calls = await held.start(pair, 1);
    expect(await send()).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    held.release();
    await Promise.all(calls);
  });

  test('does not keep health from answering, and counts no health watch', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 1 });
    await using pair = limitedPair;
    await using health = createClient(HealthDefinition, pair.target, { runtime: testRuntime() });
    const watching = health.watch({});
    await watching.next();
    const calls = await held.start(pair, 1);
    expect(await health.check({})).toMatchObject({ status: 1 });
    await watching.return?.();
    held.release();
    await Promise.all(calls);
  });

  test('holds for unknown methods, too', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 1 });
    await using pair = limitedPair;
    await using raw = rawClient(pair.port);
    const send = async () => statusOf(await raw.send(callHeaders('/no.such.Service/Method')));
    expect(await send()).toMatchObject({ code: Status.UNIMPLEMENTED });
    const calls = await held.start(pair, 1);
    expect(await send()).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    held.release();
    await Promise.all(calls);
  });

  test('gives the place of a cancelled call to the next', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 1 });
    await using pair = limitedPair;
    const controller = new AbortController();
    const cancelled = rejection(pair.client.unary({}, { signal: controller.signal }));
    await expect.poll(() => held.begun).toBe(1);
    controller.abort();
    await cancelled;
    await expect.poll(() => pair.server.snapshot().inFlight).toBe(0);
    const calls = await held.start(pair, 1);
    held.release();
    await Promise.all(calls);
  });

  test('sheds what says that it is sheddable first, and what is critical last', async () => {
    const { held, pair: limitedPair } = await limited({ concurrency: 4 });
    await using pair = limitedPair;
    const call = (criticality: string): Promise<unknown> =>
      pair.client.unary({}, { metadata: { 'x-inboard-criticality': criticality } });
    const calls = await held.start(pair, 3);
    expect(await rejection(call('sheddable'))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: 'The server runs as many sheddable calls as it may: 3',
    });
    calls.push(...(await held.start(pair, 1)));
    // What nobody knows the name of is what says nothing.
    for (const other of ['default', 'CRITICAL']) {
      expect(await rejection(call(other))).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    }
    calls.push(call('critical'));
    await vi.waitUntil(() => held.begun === 5);
    expect(await rejection(call('critical'))).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    held.release();
    await Promise.all(calls);
  });

  test.each([0, -1, 1.5, Number.NaN])('of %s makes no sense', (concurrency) => {
    expect(() => createServer({ concurrency })).toThrow(ConfigError);
  });
});

describe('a limit of one method', () => {
  const methods = { [`${SERVICE}/Unary`]: { bulkhead: { limit: 1, queue: 1 } } };

  test('queues what its queue holds, sheds the rest, and leaves other methods alone', async () => {
    const { held, pair: limitedPair } = await limited({ methods });
    await using pair = limitedPair;
    const [running] = await held.start(pair, 1);
    const queued = pair.client.unary({ sample: { text: 'queued' } });
    const state = () => pair.server.snapshot().bulkheads[`${SERVICE}/Unary`];
    await expect.poll(state).toEqual({ inUse: 1, queued: 1 });
    const error = await rejection(pair.client.unary({}));
    expect(error).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: `${SERVICE}/Unary runs as many calls as it may`,
    });
    expect(pushbackOf(error)).toBeGreaterThanOrEqual(50);
    expect(await pair.client.unarySafe({ sample: { text: 'free' } })).toBeTruthy();
    expect(held.begun).toBe(1);
    held.release();
    await running;
    expect(await queued).toMatchObject({ sample: { text: 'queued' } });
    expect(state()).toEqual({ inUse: 0, queued: 0 });
  });

  test('is not there unless it is asked for: the control', async () => {
    const { held, pair: unlimited } = await limited({});
    await using pair = unlimited;
    const calls = await held.start(pair, 3);
    expect(pair.server.snapshot().bulkheads).toEqual({});
    held.release();
    await Promise.all(calls);
  });

  test('keeps nobody waiting beyond its deadline, whose handler never starts', async () => {
    const { held, pair: limitedPair } = await limited({ methods });
    await using pair = limitedPair;
    const [running] = await held.start(pair, 1);
    const late = await rejection(pair.client.unary({}, { timeoutMs: 50 }));
    expect(late).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    const state = () => pair.server.snapshot().bulkheads[`${SERVICE}/Unary`];
    await expect.poll(state).toEqual({ inUse: 1, queued: 0 });
    held.release();
    await running;
    expect(held.begun).toBe(1);
    expect(state()).toEqual({ inUse: 0, queued: 0 });
  });

  test('is one for each method where a service is named, and the exact name counts', async () => {
    const bulkhead = { limit: 1 };
    const of = (name: string) => ({ ...methods, [SERVICE]: { bulkhead }, [name]: { bulkhead } });
    await using server = createServer({ methods: of(SERVICE), runtime: testRuntime() });
    const held = new Held();
    await using pair = await startPair(held.implementation, { server: { methods: of(SERVICE) } });
    const calls = await held.start(pair, 1);
    // Unary alone has a queue.
    const queued = pair.client.unary({});
    const names = Object.keys(pair.server.snapshot().bulkheads);
    expect(names).toHaveLength(5);
    await expect
      .poll(() => pair.server.snapshot().bulkheads[`${SERVICE}/Unary`])
      .toEqual({ inUse: 1, queued: 1 });
    expect(await pair.client.unarySafe({})).toBeTruthy();
    held.release();
    await Promise.all([...calls, queued]);
    expect(server.snapshot().bulkheads).toEqual({});
  });

  test('of what is not served is refused, and so are limits that make no sense', async () => {
    await using server = createServer({
      methods: { [`${SERVICE}/Unari`]: { bulkhead: { limit: 1 } } },
    });
    const error = await rejection(server.listen('127.0.0.1:0'));
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(`methods names '${SERVICE}/Unari'`);
    const nonsense = { [SERVICE]: { bulkhead: { limit: 0 } } };
    expect(() => createServer({ methods: nonsense })).toThrow(/methods\['.*'\]\.bulkhead\.limit/);
  });
});

describe('a rate limit', () => {
  const authenticate: ServerOptions['authenticate'] = async (call) => {
    const subject = call.headers.get('x-user');
    return subject === undefined ? undefined : { scheme: 'test', subject, claims: {} };
  };

  /** A server whose time stands still and that allows 2 calls at once and 1 a second. */
  async function rated(server: ServerOptions): Promise<{ pair: Pair; clock: ManualClock }> {
    const clock = new ManualClock();
    const runtime = { ...testRuntime(), clock };
    return { pair: await startPair({}, { server: { runtime, ...server } }), clock };
  }

  const rateLimit = { perSecond: 1, burst: 2 };
  const authorize = { [SERVICE]: 'anyone' as const };
  const as = (user: string) => ({ metadata: Metadata({ 'x-user': user }) });

  test('bounds each caller by itself, and says when its next call may come', async () => {
    const { pair: limitedPair, clock } = await rated({ authenticate, authorize, rateLimit });
    await using pair = limitedPair;
    const { client } = pair;
    for (let i = 0; i < 2; i++) await client.unary({}, as('ann'));
    const error = await rejection(client.unary({}, as('ann')));
    expect(error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect(pushbackOf(error)).toBe(1_000);
    for (let i = 0; i < 2; i++) await client.unary({}, as('bob'));
    clock.advance(400);
    expect(pushbackOf(await rejection(client.unary({}, as('ann'))))).toBe(600);
    clock.advance(600);
    expect(await client.unary({}, as('ann'))).toBeTruthy();
  });

  test('is not there unless it is asked for: the control', async () => {
    const { pair: unlimited } = await rated({ authenticate, authorize });
    await using pair = unlimited;
    for (let i = 0; i < 20; i++) expect(await pair.client.unary({}, as('ann'))).toBeTruthy();
  });

  test('goes by the address where nobody is known, whatever the port', async () => {
    const { pair: limitedPair } = await rated({ rateLimit });
    await using pair = limitedPair;
    const send = async (): Promise<number> => {
      await using raw = rawClient(pair.port);
      return statusOf(await raw.send(callHeaders(UNARY))).code;
    };
    expect([await send(), await send(), await send()]).toEqual([
      Status.OK,
      Status.OK,
      Status.RESOURCE_EXHAUSTED,
    ]);
  });

  test('does not keep health from answering', async () => {
    const { pair: limitedPair } = await rated({ rateLimit });
    await using pair = limitedPair;
    await using health = createClient(HealthDefinition, pair.target, { runtime: testRuntime() });
    for (let i = 0; i < 5; i++) expect(await health.check({})).toMatchObject({ status: 1 });
  });

  test('that makes no sense is refused', () => {
    expect(() => createServer({ rateLimit: { perSecond: 0 } })).toThrow('rateLimit.perSecond');
  });
});
