import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';

import { ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { Draining } from '../../src/core/draining.ts';
import type { Method, ServerCall, Transport } from '../../src/index.ts';
import { ConfigError, createClient, createServer, serverTls } from '../../src/index.ts';
import { drainGate } from '../../src/interceptors/drain-gate.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { createAuthority } from '../support/certificates.ts';
import type { Pair, ShapesImplementation } from '../support/harness.ts';
import { deferred, rejection, startPair, testRuntime, TRANSPORTS } from '../support/harness.ts';
import { callHeaders, EMPTY_MESSAGE, rawClient, statusOf } from '../support/raw-http2.ts';
import { shapes } from '../support/shapes-service.ts';
import { goawaysOf, NO_LAST_ID } from './raw-goaways.ts';

const UNARY = '/inboard.testing.v1.ShapesService/Unary';
const SERVER_STREAM = '/inboard.testing.v1.ShapesService/ServerStream';

interface Drained {
  readonly pair: Pair;
  readonly clock: ManualClock;
  readonly transport: Transport;
}

/** A server whose time stands still, and a client in real time. */
async function startStill(
  overrides: Partial<ShapesImplementation>,
  transport: Transport,
): Promise<Drained> {
  const clock = new ManualClock();
  const server = { runtime: { ...testRuntime(), clock } };
  return { pair: await startPair(overrides, { transport, server }), clock, transport };
}

/** A client of the server's health. */
function healthOf({ pair, transport }: Drained) {
  return createClient(HealthDefinition, pair.target, { runtime: testRuntime(), transport });
}

/** A handler that never returns, and when it was started. */
function stuck() {
  const started = deferred();
  return {
    started: started.promise,
    unary: () => {
      started.resolve();
      return new Promise<never>(() => undefined);
    },
  };
}

describe.each(TRANSPORTS)('a drain over %s', (_name, makeTransport) => {
  test('tells NOT_SERVING, serves on, and only then turns calls away', async () => {
    const drained = await startStill({}, makeTransport());
    await using pair = drained.pair;
    await using health = healthOf(drained);
    const watching = health.watch({ service: '' });
    expect((await watching.next()).value).toEqual({ status: Serving.SERVING });
    const down = pair.server.shutdown();
    expect((await watching.next()).value).toEqual({ status: Serving.NOT_SERVING });
    drained.clock.advance(4_999);
    // Over an old connection and over a new one.
    expect(await pair.client.unary({ sample: { text: 'old' } })).toBeTruthy();
    const { transport } = drained;
    await using late = createClient(ShapesServiceDefinition, pair.target, {
      runtime: testRuntime(),
      transport,
    });
    expect(await late.unary({ sample: { text: 'new' } })).toBeTruthy();
    expect(await health.check({})).toEqual({ status: Serving.NOT_SERVING });
    const over = rejection(watching.next());
    drained.clock.advance(1);
    expect(await over).toMatchObject({ code: Status.UNAVAILABLE });
    await down;
    expect(await rejection(late.unary({}))).toMatchObject({ code: Status.UNAVAILABLE });
  });

  test('asks long streams to end, which they do with a status that may be retried', async () => {
    const drained = await startStill(
      {
        async *serverStream(_request, { draining }) {
          yield { index: 0 };
          await once(draining, 'abort');
          yield { index: 1 };
          draining.throwIfAborted();
        },
        async *bidi(_requests, { draining }) {
          yield { index: 0 };
          await wait(60_000, undefined, { signal: draining });
        },
      },
      makeTransport(),
    );
    await using pair = drained.pair;
    const stream = pair.client.serverStream({});
    const requests = (async function* () {
      await wait(60_000, undefined, { ref: false });
      yield {};
    })();
    const bidi = pair.client.bidi(requests);
    await Promise.all([stream.next(), bidi.next()]);
    const seconds = Promise.all([stream.next(), rejection(bidi.next())]);
    await pair.server.shutdown({ propagationMs: 0 });
    const [last, error] = await seconds;
    expect(last.value).toMatchObject({ index: 1 });
    const shuttingDown = { code: Status.UNAVAILABLE, details: 'The server is shutting down' };
    expect(error).toMatchObject(shuttingDown);
    expect(await rejection(stream.next())).toMatchObject(shuttingDown);
  });

  test('ends what does not end itself after its grace, with UNAVAILABLE and the reason', async () => {
    const { started, unary } = stuck();
    const drained = await startStill({ unary }, makeTransport());
    await using pair = drained.pair;
    const cut = rejection(pair.client.unary({}));
    await started;
    const down = pair.server.shutdown({ propagationMs: 100, graceMs: 100 });
    drained.clock.advance(100);
    // The grace begins after the propagation.
    await expect.poll(() => pair.server.snapshot().inFlight).toBe(1);
    drained.clock.advance(99);
    expect(pair.server.snapshot().inFlight).toBe(1);
    drained.clock.advance(1);
    expect(await cut).toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'The server was shut down before the call was over',
    });
    await down;
    expect(pair.server.snapshot()).toMatchObject({ inFlight: 0, connections: 0, draining: true });
  });

  test('that is asked for again runs by the shorter times', async () => {
    const { started, unary } = stuck();
    const drained = await startStill({ unary }, makeTransport());
    await using pair = drained.pair;
    const cut = rejection(pair.client.unary({}));
    await started;
    const first = pair.server.shutdown();
    const second = pair.server.shutdown({ propagationMs: 10, graceMs: 10 });
    // Longer times change nothing any more.
    const third = pair.server.shutdown({ propagationMs: 100_000, graceMs: 100_000 });
    drained.clock.advance(20);
    expect(await cut).toMatchObject({ code: Status.UNAVAILABLE });
    await Promise.all([first, second, third]);
    expect(drained.clock.pending).toBe(0);
  });

  test('is cut short by the end of a scope', async () => {
    const { started, unary } = stuck();
    const drained = await startStill({ unary }, makeTransport());
    await using pair = drained.pair;
    const cut = rejection(pair.client.unary({}));
    await started;
    const down = pair.server.shutdown();
    await pair.server[Symbol.asyncDispose]();
    expect(await cut).toMatchObject({ code: Status.UNAVAILABLE });
    await down;
  });

  test('lets the calls in flight finish', async () => {
    const started = deferred();
    const goOn = deferred();
    const drained = await startStill(
      {
        async unary({ sample }, { draining }) {
          started.resolve();
          await once(draining, 'abort');
          await goOn.promise;
          return { sample };
        },
      },
      makeTransport(),
    );
    await using pair = drained.pair;
    const inFlight = pair.client.unary({ sample: { text: 'kept' } });
    await started.promise;
    const down = pair.server.shutdown({ propagationMs: 0 });
    goOn.resolve();
    expect(await inFlight).toMatchObject({ sample: { text: 'kept' } });
    await down;
  });
});

/** A server with one call of a raw client open, which ends when the server drains. */
async function startHeld() {
  const held = deferred();
  let calls = 0;
  const pair = await startPair({
    async unary() {
      calls++;
      return {};
    },
    async *serverStream(_request, { draining }) {
      held.resolve();
      await once(draining, 'abort');
      yield {};
    },
  });
  const raw = rawClient(pair.port);
  const call = raw.send(callHeaders(SERVER_STREAM));
  await held.promise;
  return {
    server: pair.server,
    raw,
    call,
    get calls() {
      return calls;
    },
    async [Symbol.asyncDispose]() {
      await raw[Symbol.asyncDispose]();
      await pair[Symbol.asyncDispose]();
    },
  };
}

describe('on the wire', () => {
  test('a drain says goodbye twice, so that no call is lost between the two', async () => {
    await using held = await startHeld();
    const { server, raw, call } = held;
    const seen = goawaysOf(raw.session);
    await server.shutdown({ propagationMs: 0 });
    await call;
    expect(await seen).toEqual([NO_LAST_ID, 1, 1]);
  });

  test('an end at once says it once: the control', async () => {
    await using held = await startHeld();
    const { server, raw } = held;
    const seen = goawaysOf(raw.session);
    await server[Symbol.asyncDispose]();
    expect(await seen).not.toContain(NO_LAST_ID);
  });

  test('a call that crosses the goodbye of a busy connection is not processed', async () => {
    await using held = await startHeld();
    const { server, raw } = held;
    const down = server.shutdown({ propagationMs: 0 });
    // The server says goodbye in this turn, and the client hears of it in a later one.
    const { rstCode } = await raw.send(callHeaders(UNARY));
    expect(rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
    expect(held.calls).toBe(0);
    await down;
  });

  test('a call that crosses the goodbye of an idle connection is not processed', async () => {
    const seen: string[] = [];
    await using pair = await startPair({
      async unary() {
        seen.push('a call');
        return {};
      },
    });
    await using raw = rawClient(pair.port);
    await raw.send(callHeaders(UNARY));
    const startMs = performance.now();
    const down = pair.server.shutdown({ propagationMs: 0 });
    const { rstCode } = await raw.send(callHeaders(UNARY));
    expect(rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
    await down;
    expect(seen).toHaveLength(1);
    // No PING was waited for.
    expect(performance.now() - startMs).toBeLessThan(900);
  });

  test('what is cut off is told so, headers sent or not', async () => {
    const started = [deferred(), deferred()];
    await using pair = await startPair({
      unary: () => {
        started[0]?.resolve();
        return new Promise<never>(() => undefined);
      },
      async *serverStream() {
        yield { index: 0 };
        started[1]?.resolve();
        await new Promise<never>(() => undefined);
      },
    });
    await using raw = rawClient(pair.port);
    const responses = [UNARY, SERVER_STREAM].map((path) => raw.send(callHeaders(path)));
    await Promise.all(started.map(({ promise }) => promise));
    await pair.server.shutdown({ propagationMs: 0, graceMs: 0 });
    for (const response of await Promise.all(responses)) {
      expect(statusOf(response)).toEqual({
        code: Status.UNAVAILABLE,
        message: 'The server was shut down before the call was over',
      });
    }
  });

  test('a peer that reads nothing does not hold up a forced end', async () => {
    await using pair = await startPair({
      async *serverStream() {
        for (;;) yield { sample: { text: 'x'.repeat(100_000) } };
      },
    });
    await using raw = rawClient(pair.port);
    const stream = raw.session.request(callHeaders(SERVER_STREAM));
    stream.on('error', () => undefined);
    stream.end(EMPTY_MESSAGE);
    await once(stream, 'response');
    const startMs = performance.now();
    await pair.server[Symbol.asyncDispose]();
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });
});

/** A TLS handshake over a socket that was accepted long before. */
function lateSession(socket: Socket, ca: string) {
  const secure = connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: ['h2'] });
  secure.on('error', () => undefined);
  const session = connectHttp2('https://localhost', { createConnection: () => secure });
  session.on('error', () => undefined);
  return session;
}

test('a connection whose handshake ends after the goodbyes has its calls refused', async () => {
  const authority = createAuthority();
  const { cert, key } = authority.issue({ names: ['DNS:localhost'] });
  const seen: string[] = [];
  const started = deferred();
  await using server = createServer({ runtime: testRuntime() }).add(ShapesServiceDefinition, {
    ...shapes,
    async unary() {
      seen.push('a call');
      return {};
    },
    async *serverStream() {
      started.resolve();
      await new Promise<never>(() => undefined);
      yield {};
    },
  });
  const { port } = await server.listen('127.0.0.1:0', { credentials: serverTls({ cert, key }) });
  const silent = connectTcp(port, '127.0.0.1');
  await once(silent, 'connect');
  // Another connection's call keeps the server from ending.
  const busy = connectHttp2(`https://localhost:${port}`, { ca: authority.ca });
  busy.on('error', () => undefined);
  const held = busy.request(callHeaders(SERVER_STREAM));
  held.on('error', () => undefined);
  held.end(EMPTY_MESSAGE);
  await started.promise;
  const draining = once(busy, 'goaway');
  const down = server.shutdown({ propagationMs: 0 });
  await draining;
  const session = lateSession(silent, authority.ca);
  const late = session.request(callHeaders(UNARY));
  late.on('error', () => undefined);
  late.resume();
  late.end(EMPTY_MESSAGE);
  await new Promise((resolve) => late.once('close', resolve));
  expect(late.rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
  expect(seen).toEqual([]);
  await server[Symbol.asyncDispose]();
  await down;
  for (const each of [session, busy, silent]) each.destroy();
});

describe('the drain gate', () => {
  const method = { service: 'a.B', name: 'C' } as Method;
  const next = async (): Promise<string> => 'served';

  test('refuses what arrives after the goodbyes, as not processed', async () => {
    const draining = new Draining();
    const gate = drainGate(draining)(next, method);
    draining.refusing = true;
    expect(await rejection(gate({} as ServerCall))).toMatchObject({
      status: { code: Status.UNAVAILABLE, processed: 'no' },
    });
  });

  test('lets everything through before', async () => {
    const draining = new Draining();
    const gate = drainGate(draining)(next, method);
    // Calls in flight are asked to end before anything is refused.
    draining.begin();
    expect(await gate({} as ServerCall)).toBe('served');
  });
});

describe('what makes no sense', () => {
  test.each([{ propagationMs: -1 }, { graceMs: Number.NaN }])('%j is refused', async (options) => {
    await using server = createServer();
    expect(await rejection(server.shutdown(options))).toBeInstanceOf(ConfigError);
  });

  test('a server that never listened has nobody to wait for', async () => {
    await using server = createServer();
    const startMs = performance.now();
    await server.shutdown();
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  test('a handler that ends itself keeps its own status', async () => {
    await using pair = await startPair({
      async unary(_request, { draining }) {
        await once(draining, 'abort');
        throw new ServerError(Status.ABORTED, 'come back later');
      },
    });
    const ended = rejection(pair.client.unary({}));
    await expect.poll(() => pair.server.snapshot().inFlight).toBe(1);
    await pair.server.shutdown({ propagationMs: 0 });
    expect(await ended).toMatchObject({ code: Status.ABORTED, details: 'come back later' });
  });
});
