import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';

import { describe, expect, test } from 'vitest';

import type { PaceOptions } from '../../../src/telemetry/admin/pacer.ts';
import { openListener } from '../../../src/telemetry/admin/open-listener.ts';
import { Pacer } from '../../../src/telemetry/admin/pacer.ts';
import { ComputeBudget, SharedResult } from '../../../src/telemetry/admin/shared-result.ts';
import { ManualClock } from '../../../src/testing/index.ts';
import { testRuntime } from '../../support/harness.ts';
import { ask } from './support.ts';

interface Listening extends AsyncDisposable {
  readonly port: number;
}

async function listening(pace?: PaceOptions): Promise<Listening> {
  const parts = { runtime: testRuntime(), metrics: undefined };
  const listener = await openListener(parts, '127.0.0.1', 0, {}, pace && { pace });
  return { port: listener.port, [Symbol.asyncDispose]: () => listener.close() };
}

/** Lets what was resolved go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe('turns', () => {
  test('are given at once up to the burst, then at their rate and in order', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock, { perSecond: 10, burst: 2 });
    expect([pacer.turn(), pacer.turn()]).toEqual([undefined, undefined]);
    const got: number[] = [];
    for (const name of [1, 2, 3]) void pacer.turn()?.then(() => got.push(name));
    clock.advance(99);
    await settle();
    expect(got).toEqual([]);
    clock.advance(1);
    await settle();
    expect(got).toEqual([1]);
    clock.advance(200);
    await settle();
    expect(got).toEqual([1, 2, 3]);
    expect(clock.pending).toBe(0);
  });

  test('are later after what cost more, and do not pile up beyond the burst', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock, { perSecond: 10, burst: 2 });
    clock.advance(60_000);
    expect([pacer.turn(), pacer.turn()]).toEqual([undefined, undefined]);
    // No more is owed than a burst: 2 turns, and 1 for who waits.
    pacer.charge(500);
    let got = false;
    void pacer.turn()?.then(() => {
      got = true;
    });
    clock.advance(299);
    await settle();
    expect(got).toBe(false);
    clock.advance(1);
    await settle();
    expect(got).toBe(true);
  });

  test('end with the listener', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock, { perSecond: 1, burst: 1 });
    expect(pacer.turn()).toBeUndefined();
    const waiting = pacer.turn();
    pacer.close();
    await waiting;
    expect(clock.pending).toBe(0);
  });
});

describe('a shared result', () => {
  /** One that takes `costMs` to make. */
  function shared(costMs: number): { clock: ManualClock; made: () => number; get: () => unknown } {
    const clock = new ManualClock();
    let made = 0;
    const make = (): number => {
      clock.advance(costMs);
      return ++made;
    };
    const result = new SharedResult(clock, new ComputeBudget(clock), make);
    return { clock, made: () => made, get: () => result.get() };
  }

  test('is made once for all who ask meanwhile', async () => {
    const clock = new ManualClock();
    const { promise, resolve } = Promise.withResolvers<string>();
    let made = 0;
    const result = new SharedResult(clock, new ComputeBudget(clock), () => {
      made++;
      return promise;
    });
    const asked = [result.get(), result.get(), result.get()];
    resolve('x');
    expect(await Promise.all(asked)).toEqual(['x', 'x', 'x']);
    expect(made).toBe(1);
  });

  test('stands for ten times of what it took, and is fresh for who asks seldom', async () => {
    const { clock, get } = shared(20);
    expect(await get()).toBe(1);
    clock.advance(199);
    expect(await get()).toBe(1);
    clock.advance(1);
    expect(await get()).toBe(2);
    for (let asked = 3; asked < 10; asked++) {
      clock.advance(5_000);
      expect(await get()).toBe(asked);
    }
  });

  test('takes 0.4 % of the time where that is one a second, however often it is asked for', async () => {
    const { clock, made, get } = shared(4);
    for (let asked = 0; asked < 6_000; asked++) {
      clock.advance(10);
      await get();
    }
    // 60 s and what was saved up, and one that may have been begun too many.
    expect(made() * 4).toBeLessThanOrEqual(60_000 * 0.004 + 50 + 2 * 4);
    expect(made()).toBeGreaterThan(50);
  });

  test.each([20, 100, 5_000])('that takes %i ms is never older than 1 s', async (costMs) => {
    const { clock, made, get } = shared(costMs);
    // So much is charged that it would be owed for hours.
    for (let asked = 0; asked < 100; asked++) {
      await get();
      clock.advance(1_000);
    }
    expect(made()).toBe(100);
  });

  test('that fails is tried again by the next one', async () => {
    const clock = new ManualClock();
    let made = 0;
    const result = new SharedResult(clock, new ComputeBudget(clock), () => {
      if (++made === 1) throw new Error('once');
      return made;
    });
    await expect(result.get()).rejects.toThrow('once');
    expect(await result.get()).toBe(2);
  });
});

describe('over sockets', () => {
  test('as many are answered as there are turns, however many ask', async () => {
    const pace = { perSecond: 50, burst: 10 };
    await using listener = await listening(pace);
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    let answered = 0;
    let over = false;
    const beginMs = performance.now();
    const hammer = async (): Promise<void> => {
      while (!over) {
        const { port } = listener;
        const sent = request({ host: '127.0.0.1', port, path: '/healthz', agent }).end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        response.resume();
        await once(response, 'end');
        answered++;
        over ||= performance.now() - beginMs > 1_500;
      }
    };
    await Promise.all(Array.from({ length: 64 }, hammer));
    const elapsedS = (performance.now() - beginMs) / 1_000;
    agent.destroy();
    expect(answered).toBeLessThanOrEqual(pace.burst + pace.perSecond * elapsedS + 1);
    expect(answered).toBeGreaterThan(64);
  });

  test('a connection with a second request before its answer is closed', async () => {
    await using listener = await listening({ perSecond: 1, burst: 1 });
    // The only turn there is.
    expect((await ask(listener, '/')).status).toBe(200);
    const socket = connect(listener.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => void socket.once('close', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2));
    socket.resume();
    await closed;
    expect(socket.bytesRead).toBe(0);
  });

  test('a probe waits for nothing that others were answered', async () => {
    // A turn a minute: whoever waits for one waits for longer than this test takes.
    await using listener = await listening({ perSecond: 1 / 60, burst: 10 });
    // The tenth is not whole any more: the bytes of those before have taken of it.
    for (let asked = 0; asked < 9; asked++) await ask(listener, '/');
    const waits = ask(listener, '/').catch(() => 'closed');
    for (const path of ['/healthz', '/readyz', '/healthz?full']) {
      expect((await ask(listener, path)).status).toBe(200);
    }
    const first = await Promise.race([waits, ask(listener, '/healthz').then(() => 'probe')]);
    expect(first).toBe('probe');
  });

  test('connections beyond those served wait, and for those beyond that the oldest go', async () => {
    const clock = new ManualClock();
    const parts = { runtime: testRuntime(), metrics: undefined };
    const listener = await openListener(parts, '127.0.0.1', 0, {}, { clock });
    await using _open = { [Symbol.asyncDispose]: () => listener.close() };
    const { port } = listener;
    const opened: Socket[] = [];
    let closed = 0;
    const first = async (socket: Socket): Promise<void> => {
      socket.on('error', () => undefined).once('close', () => closed++);
      await once(socket, 'connect');
    };
    for (let count = 0; count < 140; count++) {
      const socket = connect(port, '127.0.0.1');
      opened.push(socket.resume());
      await first(socket);
    }
    // 32 that are served, and 96 that wait for them.
    await expect.poll(() => closed).toBe(12);
    expect(opened.slice(0, 12).every(({ closed: gone }) => gone)).toBe(true);
    const [served, waiting] = [opened[12] as Socket, opened[44] as Socket];
    waiting.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const answer = once(waiting, 'data');
    // One who is answered while others wait makes room for the first of them.
    for (const socket of opened.slice(12, 32)) {
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    }
    const [head] = (await once(served, 'data')) as [Buffer];
    expect(head.toString()).toContain('Connection: close');
    expect(String(await answer)).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of opened) socket.destroy();
  });

  test('one who asks is answered within about 1 s while others hold all places', async () => {
    const clock = new ManualClock();
    const parts = { runtime: testRuntime(), metrics: undefined };
    const listener = await openListener(parts, '127.0.0.1', 0, {}, { clock });
    await using _open = { [Symbol.asyncDispose]: () => listener.close() };
    let closed = 0;
    const opened = Array.from({ length: 128 }, () => {
      const socket = connect(listener.port, '127.0.0.1').resume();
      return socket.on('error', () => undefined).once('close', () => closed++);
    });
    await Promise.all(opened.map((socket) => once(socket, 'connect')));
    const answer = ask(listener, '/healthz');
    // It takes the place of the oldest of them, and is the last of those that wait.
    await expect.poll(() => closed).toBe(1);
    // Each 0.3 s those that are served lose their places to as many of those that wait.
    for (let gone = 33; gone <= 97; gone += 32) {
      clock.advance(300);
      await expect.poll(() => closed).toBe(gone);
    }
    clock.advance(300);
    expect((await answer).status).toBe(200);
    expect(clock.now()).toBeLessThanOrEqual(1_200);
    for (const socket of opened) socket.destroy();
  });

  test('a connection that never finishes its request is closed', async () => {
    const clock = new ManualClock();
    const parts = { runtime: testRuntime(), metrics: undefined };
    const listener = await openListener(parts, '127.0.0.1', 0, {}, { clock });
    const socket = connect(listener.port, '127.0.0.1');
    const closed = new Promise((resolve) => void socket.once('close', resolve));
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    socket.write('GET /healthz HTTP/1.1\r\nHost: local');
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    clock.advance(4_000);
    expect(socket.closed).toBe(false);
    clock.advance(2_000);
    await closed;
    await listener.close();
    expect(clock.pending).toBe(0);
  });
});
