import { describe, expect, test } from 'vitest';

import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { createClient, createServer } from '../../src/index.ts';
import { inMemoryTransport, testRuntime } from '../../src/testing/index.ts';
import { deferred, testRuntime as realRuntime } from '../support/harness.ts';

/** A server in memory whose time stands still, and a client of its health in real time. */
async function start() {
  const transport = inMemoryTransport();
  const runtime = testRuntime();
  const server = createServer({ runtime, transport });
  const listen = () => server.listen('127.0.0.1:0');
  return {
    server,
    runtime,
    /** Opens the server and asks for its health as often as wanted. */
    async open() {
      const { address } = await listen();
      return createClient(HealthDefinition, `static:///${address}`, {
        runtime: realRuntime(),
        transport,
      });
    },
    /** Moves the server's time and lets checks that were begun return. */
    async advance(ms: number): Promise<void> {
      runtime.clock.advance(ms);
      await new Promise((resolve) => void setImmediate(resolve));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const { SERVING, NOT_SERVING } = Serving;

describe('a health check', () => {
  test('is asked while the server listens, and its answer is kept for its interval', async () => {
    await using s = await start();
    let healthy = true;
    let asked = 0;
    s.server.health.addCheck('db', () => {
      asked++;
      return healthy;
    });
    expect(asked).toBe(0);
    // Not known yet: a server takes calls once it knows that it can.
    expect(s.server.health.get('db')).toBe('NOT_SERVING');
    await using health = await s.open();
    await s.advance(0);
    for (let i = 0; i < 50; i++) {
      expect(await health.check({ service: 'db' })).toEqual({ status: SERVING });
    }
    expect(asked).toBe(1);
    healthy = false;
    await s.advance(4_999);
    expect(await health.check({ service: 'db' })).toEqual({ status: SERVING });
    await s.advance(1);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
    expect(asked).toBe(2);
    const { statuses } = await health.list({});
    expect(statuses.get('db')).toEqual({ status: NOT_SERVING });
    // The server as a whole has checks of its own.
    expect(await health.check({})).toEqual({ status: SERVING });
  });

  test('without one a service is SERVING whatever becomes of it: the control', async () => {
    await using s = await start();
    s.server.health.set('db', 'SERVING');
    await using health = await s.open();
    await s.advance(100_000);
    expect(await health.check({ service: 'db' })).toEqual({ status: SERVING });
  });

  test('tells watchers of each change', async () => {
    await using s = await start();
    let healthy = true;
    s.server.health.addCheck('', () => healthy, { intervalMs: 100 });
    await using health = await s.open();
    await s.advance(0);
    const watching = health.watch({ service: '' });
    const next = async (): Promise<number | undefined> => {
      const result = await watching.next();
      return result.done === true ? undefined : result.value.status;
    };
    expect(await next()).toBe(SERVING);
    healthy = false;
    await s.advance(100);
    expect(await next()).toBe(NOT_SERVING);
    healthy = true;
    await s.advance(100);
    expect(await next()).toBe(SERVING);
    await watching.return?.();
  });

  test.each<[string, () => boolean | Promise<boolean>]>([
    ['says no', () => false],
    ['rejects', () => Promise.reject(new Error('no connection'))],
    [
      'throws',
      () => {
        throw new Error('no driver');
      },
    ],
    ['answers something else', () => 'yes' as never],
  ])('that %s is NOT_SERVING, and the log says so once', async (_how, check) => {
    await using s = await start();
    s.server.health.addCheck('db', check);
    await using health = await s.open();
    for (let i = 0; i < 3; i++) await s.advance(5_000);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
    const told = s.runtime.logger.entries.filter(({ message }) => message.includes('health check'));
    expect(told).toHaveLength(1);
  });

  test('that takes too long is NOT_SERVING, and is not asked twice at a time', async () => {
    await using s = await start();
    let answer = deferred<boolean>();
    let asked = 0;
    const signals: AbortSignal[] = [];
    s.server.health.addCheck('db', (signal) => {
      asked++;
      signals.push(signal);
      return answer.promise;
    });
    await using health = await s.open();
    await s.advance(999);
    expect(signals[0]?.aborted).toBe(false);
    await s.advance(1);
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ name: 'TimeoutError' });
    await s.advance(60_000);
    expect(asked).toBe(1);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
    // An answer that comes too late is none.
    answer.resolve(true);
    await s.advance(0);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
    answer = deferred<boolean>();
    answer.resolve(true);
    await s.advance(5_000);
    expect(asked).toBe(2);
    expect(await health.check({ service: 'db' })).toEqual({ status: SERVING });
    const told = s.runtime.logger.entries.map(({ message }) => message);
    expect(told).toEqual(['a health check fails', 'a health check passes again']);
  });

  test('is one of several, which must all pass, and may be taken back', async () => {
    await using s = await start();
    s.server.health.addCheck('db', () => true);
    const takeBack = s.server.health.addCheck('db', () => false);
    await using health = await s.open();
    await s.advance(0);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
    takeBack();
    expect(await health.check({ service: 'db' })).toEqual({ status: SERVING });
    // What is set by hand holds, whatever the checks say.
    s.server.health.set('db', 'NOT_SERVING');
    await s.advance(5_000);
    expect(await health.check({ service: 'db' })).toEqual({ status: NOT_SERVING });
  });

  test('ends with the server', async () => {
    await using s = await start();
    let asked = 0;
    const signals: AbortSignal[] = [];
    s.server.health.addCheck('db', (signal) => {
      asked++;
      signals.push(signal);
      return asked === 1 || new Promise<never>(() => undefined);
    });
    await using health = await s.open();
    await s.advance(5_000);
    expect(asked).toBe(2);
    await s.server[Symbol.asyncDispose]();
    expect(signals[1]?.aborted).toBe(true);
    await s.advance(60_000);
    expect(asked).toBe(2);
    expect(s.runtime.clock.pending).toBe(0);
    expect(health).toBeTruthy();
  });

  test('that is added while the server listens is asked at once', async () => {
    await using s = await start();
    await using health = await s.open();
    s.server.health.addCheck('late', () => true);
    await s.advance(0);
    expect(await health.check({ service: 'late' })).toEqual({ status: SERVING });
  });

  test.each([{ intervalMs: 0 }, { timeoutMs: -1 }])('with %j is refused', async (options) => {
    await using s = await start();
    const key = Object.keys(options)[0];
    expect(() => s.server.health.addCheck('db', () => true, options)).toThrow(key);
  });
});
