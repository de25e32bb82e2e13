import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect } from 'node:net';

import { describe, expect, test } from 'vitest';

import type { ServerOptions } from '../../src/index.ts';
import { createServer } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import type { Pair, ShapesImplementation } from '../support/harness.ts';
import { deferred, rejection, startPair, testRuntime } from '../support/harness.ts';
import type { RawClient } from '../support/raw-http2.ts';
import { callHeaders, rawClient } from '../support/raw-http2.ts';
import { goawaysOf, NO_LAST_ID } from './raw-goaways.ts';

const UNARY = '/inboard.testing.v1.ShapesService/Unary';
const SERVER_STREAM = '/inboard.testing.v1.ShapesService/ServerStream';

/** A server whose time stands still and whose dice show the middle, and a raw connection to it. */
async function start(
  connections: ServerOptions['connections'],
  overrides: Partial<ShapesImplementation> = {},
  random: () => number = () => 0.5,
) {
  const clock = new ManualClock();
  const runtime = { ...testRuntime(), clock, random };
  const server = { runtime, ...(connections === undefined ? {} : { connections }) };
  const pair = await startPair(overrides, { server });
  const raw = rawClient(pair.port);
  await raw.send(callHeaders(UNARY));
  return {
    pair,
    clock,
    raw,
    async [Symbol.asyncDispose]() {
      await raw[Symbol.asyncDispose]();
      await pair[Symbol.asyncDispose]();
    },
  };
}

/** True while the server answers over a connection. */
async function answers(raw: RawClient): Promise<boolean> {
  if (raw.session.closed) return false;
  const { headers } = await raw.send(callHeaders(UNARY));
  return Number(headers[':status']) === 200;
}

/** A handler that streams until it is told to end, and when it began. */
function held() {
  const began = deferred();
  const goOn = deferred();
  const implementation: Partial<ShapesImplementation> = {
    async *serverStream() {
      began.resolve();
      await goOn.promise;
      yield { index: 7 };
    },
  };
  return { began: began.promise, goOn: () => goOn.resolve(), implementation };
}

describe('a connection that is old', () => {
  const connections = { maxAgeMs: 1_000, ageGraceMs: 100, idleMs: Number.POSITIVE_INFINITY };

  test('is told to go elsewhere while its calls finish', async () => {
    const { began, goOn, implementation } = held();
    await using s = await start(connections, implementation);
    s.clock.advance(999);
    expect(await answers(s.raw)).toBe(true);
    const call = s.raw.send(callHeaders(SERVER_STREAM));
    await began;
    const seen = goawaysOf(s.raw.session);
    s.clock.advance(1);
    await once(s.raw.session, 'goaway');
    goOn();
    expect((await call).trailers).toMatchObject({ 'grpc-status': '0' });
    expect((await seen).slice(0, 2)).toEqual([NO_LAST_ID, 5]);
    await expect.poll(() => s.pair.server.snapshot().connections).toBe(0);
    // Nothing of it is left to wait for.
    expect(s.clock.pending).toBe(0);
  });

  test('is cut off with what has not finished after its grace', async () => {
    const { began, implementation } = held();
    await using s = await start(connections, implementation);
    const call = s.raw.send(callHeaders(SERVER_STREAM));
    await began;
    const told = once(s.raw.session, 'goaway');
    s.clock.advance(1_000);
    await told;
    s.clock.advance(99);
    expect(s.pair.server.snapshot()).toMatchObject({ connections: 1, inFlight: 1 });
    s.clock.advance(1);
    expect((await call).trailers).toEqual({});
    await expect.poll(() => s.pair.server.snapshot().inFlight).toBe(0);
  });

  test('stays where no age is set: the control', async () => {
    const maxAgeMs = Number.POSITIVE_INFINITY;
    await using s = await start({ ...connections, maxAgeMs });
    s.clock.advance(1_000_000_000);
    expect(await answers(s.raw)).toBe(true);
  });

  test.each([
    [0, 900],
    [0.999_999, 1_100],
  ])('is older or younger than others by up to 10 %%', async (dice, ageMs) => {
    await using s = await start(connections, {}, () => dice);
    s.clock.advance(ageMs - 1);
    expect(await answers(s.raw)).toBe(true);
    const closed = once(s.raw.session, 'close');
    s.clock.advance(1);
    await closed;
  });

  test('is 30 minutes old unless told otherwise', async () => {
    await using s = await start({ idleMs: Number.POSITIVE_INFINITY });
    s.clock.advance(1_799_999);
    expect(await answers(s.raw)).toBe(true);
    const closed = once(s.raw.session, 'close');
    s.clock.advance(1);
    await closed;
  });

  test('costs a client of ours no call', async () => {
    await using s = await start(connections);
    // Few, for a client dials a server again only after a while where its connections live short.
    for (let i = 0; i < 3; i++) {
      expect(await s.pair.client.unary({})).toBeTruthy();
      s.clock.advance(1_000);
    }
  });
});

describe('a connection without a call', () => {
  const connections = { maxAgeMs: Number.POSITIVE_INFINITY, idleMs: 1_000 };

  test('is closed after a while, counted from the end of its last call', async () => {
    await using s = await start(connections);
    s.clock.advance(600);
    expect(await answers(s.raw)).toBe(true);
    s.clock.advance(999);
    expect(await answers(s.raw)).toBe(true);
    const closed = once(s.raw.session, 'close');
    await expect.poll(() => s.pair.server.snapshot().inFlight).toBe(0);
    s.clock.advance(1_000);
    await closed;
    await expect.poll(() => s.pair.server.snapshot().connections).toBe(0);
    expect(s.clock.pending).toBe(0);
  });

  test('is one whose stream is silent but open, and stays', async () => {
    const { began, goOn, implementation } = held();
    await using s = await start(connections, implementation);
    const call = s.raw.send(callHeaders(SERVER_STREAM));
    await began;
    for (let i = 0; i < 10; i++) s.clock.advance(1_000);
    goOn();
    expect((await call).trailers).toMatchObject({ 'grpc-status': '0' });
  });

  test('stays where no bound is set: the control', async () => {
    await using s = await start({ ...connections, idleMs: Number.POSITIVE_INFINITY });
    s.clock.advance(1_000_000_000);
    expect(await answers(s.raw)).toBe(true);
  });

  test('is closed after 5 minutes unless told otherwise', async () => {
    await using s = await start(undefined);
    await expect.poll(() => s.pair.server.snapshot().inFlight).toBe(0);
    s.clock.advance(299_999);
    expect(s.raw.session.closed).toBe(false);
    const closed = once(s.raw.session, 'close');
    s.clock.advance(1);
    await closed;
  });
});

describe('connections of one address', () => {
  /** Opens connections one after the other; how many of them get an answer. */
  async function open(connections: ServerOptions['connections'], count: number): Promise<number> {
    const server = connections === undefined ? {} : { connections };
    await using pair = await startPair({}, { server });
    const raws: RawClient[] = [];
    let answered = 0;
    for (let i = 0; i < count; i++) {
      const raw = rawClient(pair.port);
      raws.push(raw);
      const response = await raw.send(callHeaders(UNARY)).catch(() => undefined);
      if (Number(response?.headers[':status']) === 200) answered++;
    }
    // A place that is given up is there for the next.
    const [first] = raws;
    const gone = once(first!.session, 'close');
    first?.session.destroy();
    await gone;
    await expect.poll(() => pair.server.snapshot().connections).toBe(Math.max(0, answered - 1));
    const again = rawClient(pair.port);
    raws.push(again);
    expect((await again.send(callHeaders(UNARY))).headers).toMatchObject({ ':status': 200 });
    for (const raw of raws) await raw[Symbol.asyncDispose]();
    return answered;
  }

  test('are refused above the bound', async () => {
    expect(await open({ maxPerAddress: 3 }, 6)).toBe(3);
  });

  test('are not without one: the control', async () => {
    expect(await open(undefined, 6)).toBe(6);
  });

  test('are told apart from nothing that is sent: the socket is closed at once', async () => {
    await using server = createServer({
      runtime: testRuntime(),
      connections: { maxPerAddress: 1 },
    });
    const { port } = await server.listen('127.0.0.1:0');
    const first = connect(port, '127.0.0.1');
    await once(first, 'connect');
    const second = connect(port, '127.0.0.1');
    second.on('error', () => undefined);
    second.resume();
    await once(second, 'close');
    expect(first.destroyed).toBe(false);
    first.destroy();
  });
});

describe('a peer that resets its calls as fast as it makes them', () => {
  /** Makes and resets calls until the connection ends, at most so many. */
  async function reset(pair: Pair, count: number): Promise<number> {
    await using raw = rawClient(pair.port);
    await raw.send(callHeaders(UNARY));
    const { session } = raw;
    let made = 0;
    while (made < count && !session.destroyed) {
      for (let i = 0; i < 100 && made < count && !session.destroyed; i++) {
        const stream = session.request(callHeaders(UNARY));
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
        made++;
      }
      await new Promise((resolve) => void setImmediate(resolve));
    }
    if (!session.destroyed) await raw.send(callHeaders(UNARY));
    return session.destroyed ? made : Number.POSITIVE_INFINITY;
  }

  test('loses its connection, and nobody else theirs', async () => {
    await using pair = await startPair();
    await pair.client.unary({});
    expect(await reset(pair, 20_000)).toBeLessThan(10_000);
    expect(await pair.client.unary({})).toBeTruthy();
  });

  test('keeps it as long as an honest client might: the control', async () => {
    await using pair = await startPair();
    expect(await reset(pair, 1_500)).toBe(Number.POSITIVE_INFINITY);
  });

  test('may do so more or less often where the server is told so', async () => {
    await using pair = await startPair({}, { server: { floods: { resetBurst: 100 } } });
    expect(await reset(pair, 2_000)).toBeLessThanOrEqual(2_000);
  });
});

test('a peer that sends empty frames without end loses its connection', async () => {
  await using pair = await startPair({}, { server: { floods: { invalidFrames: 50 } } });
  const socket = connect(pair.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    return Buffer.concat([head, payload]);
  };
  // A literal header of HPACK: name and value with their lengths before them.
  const field = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);
  const headers = Object.entries(callHeaders(UNARY, { ':scheme': 'http', ':authority': 'a' }))
    .toSorted(([a], [b]) => Number(b.startsWith(':')) - Number(a.startsWith(':')))
    .map(([name, value]) => field(name, String(value)));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(4, 0, 0, Buffer.alloc(0)));
  socket.write(frame(1, 4, 1, Buffer.concat(headers)));
  await expect.poll(() => pair.server.snapshot().inFlight).toBe(1);
  const closed = once(socket, 'close');
  for (let i = 0; i < 200; i++) socket.write(frame(0, 0, 1, Buffer.alloc(0)));
  await closed;
  expect(await pair.client.unary({})).toBeTruthy();
});

test('limits that make no sense are refused', async () => {
  const nonsense: readonly [key: string, options: ServerOptions][] = [
    ['connections.idleMs', { connections: { idleMs: 0 } }],
    ['floods.resetBurst', { floods: { resetBurst: -1 } }],
  ];
  for (const [key, options] of nonsense) {
    await using server = createServer(options);
    expect(String(await rejection(server.listen('127.0.0.1:0')))).toContain(key);
  }
});
