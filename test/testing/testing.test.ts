import { describe, expect, expectTypeOf, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Clock } from '../../src/index.ts';
import { createClient, createServer, Status } from '../../src/index.ts';
import {
  inMemoryTransport,
  ManualClock,
  recordingLogger,
  seededRandom,
  testRuntime,
} from '../../src/testing/index.ts';
import { deferred, rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

describe('ManualClock', () => {
  test('stands still until it is told to move', () => {
    const clock = new ManualClock(1_000);
    expect(clock.now()).toBe(1_000);
    clock.advance(0.5);
    expect(clock.now()).toBe(1_000.5);
    expect(() => clock.advance(-1)).toThrow(/0 ms or more, not by -1/);
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
    expect(clock.now()).toBe(1_000.5);
  });

  test('fires timers in order of time, then of setting, each at its own time', () => {
    const clock = new ManualClock();
    const fired: [name: string, at: number][] = [];
    const set = (name: string, atMs: number): void => {
      clock.setTimer(atMs, () => fired.push([name, clock.now()]));
    };
    set('late', 30);
    set('first', 10);
    set('second', 20);
    set('second, too', 20);
    set('past', -5);
    expect(clock.pending).toBe(5);
    expect(fired).toEqual([]);
    clock.advance(20);
    expect(fired).toEqual([
      ['past', 0],
      ['first', 10],
      ['second', 20],
      ['second, too', 20],
    ]);
    expect([clock.now(), clock.pending]).toEqual([20, 1]);
    clock.advance(9.9);
    expect(clock.pending).toBe(1);
    clock.advance(0.1);
    expect(fired.at(-1)).toEqual(['late', 30]);
    expect(clock.pending).toBe(0);
  });

  test('fires timers that are set while others fire, if they fall due', () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    const tick = (): void => {
      fired.push(clock.now());
      clock.setTimer(clock.now() + 10, tick);
    };
    clock.setTimer(10, tick);
    clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
    expect([clock.now(), clock.pending]).toEqual([35, 1]);
  });

  test('a cleared timer does not fire, whoever clears it', () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const cleared = clock.setTimer(5, () => fired.push('cleared'));
    cleared.clear();
    cleared.clear();
    clock.setTimer(10, () => {
      fired.push('first');
      neighbour.clear();
    });
    const neighbour = clock.setTimer(10, () => fired.push('neighbour'));
    const done = clock.setTimer(10, () => fired.push('last'));
    clock.advance(10);
    done.clear();
    expect(fired).toEqual(['first', 'last']);
    expect(clock.pending).toBe(0);
  });

  test('a timer that throws leaves the others to the next move', () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    clock.setTimer(10, () => {
      throw new Error('broken');
    });
    clock.setTimer(20, () => fired.push(clock.now()));
    expect(() => clock.advance(100)).toThrow('broken');
    expect([clock.now(), fired]).toEqual([10, []]);
    clock.advance(10);
    expect(fired).toEqual([20]);
  });
});

test('seededRandom repeats itself for a seed, and spreads evenly', () => {
  const draw = (seed: number, count: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: count }, () => random());
  };
  expect(draw(7, 20)).toEqual(draw(7, 20));
  expect(draw(7, 20)).not.toEqual(draw(8, 20));
  const many = draw(1, 100_000);
  expect(Math.min(...many)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...many)).toBeLessThan(1);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const value of many) tenths[Math.floor(value * 10)]! += 1;
  for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('recordingLogger keeps what it is told', () => {
  const logger = recordingLogger();
  const err = new Error('why');
  logger.error({ err }, 'first');
  logger.warn({ method: '/a/b' }, 'second');
  logger.info({}, 'third');
  expect(logger.entries).toEqual([
    { level: 'error', fields: { err }, message: 'first' },
    { level: 'warn', fields: { method: '/a/b' }, message: 'second' },
    { level: 'info', fields: {}, message: 'third' },
  ]);
});

describe('testRuntime', () => {
  test('is made of its own parts, or of those it is given', () => {
    const runtime = testRuntime();
    expectTypeOf(runtime.clock).toEqualTypeOf<ManualClock>();
    expect(runtime.clock).toBeInstanceOf(ManualClock);
    expect(runtime.random()).toBe(seededRandom(1)());
    expect(testRuntime().clock).not.toBe(runtime.clock);
    const clock: Clock = { now: () => 5, setTimer: () => ({ clear: () => undefined }) };
    const logger = { error: () => undefined, warn: () => undefined, info: () => undefined };
    const given = testRuntime({ clock, logger, random: () => 0.5 });
    expectTypeOf(given.clock).toEqualTypeOf<Clock>();
    expect([given.clock, given.logger, given.random()]).toEqual([clock, logger, 0.5]);
    expect(given.ambient.current()).toBeUndefined();
  });

  test('a whole call runs on it in memory, and ends at its deadline when time moves', async () => {
    const runtime = testRuntime();
    const transport = inMemoryTransport();
    const arrived = deferred();
    const aborted = deferred();
    let remainingMs = 0;
    await using server = createServer({ runtime, transport });
    server.add(ShapesServiceDefinition, {
      ...shapes,
      async unarySafe(_request, context) {
        const { signal } = context;
        remainingMs = context.remainingMs();
        signal.addEventListener('abort', () => aborted.resolve());
        arrived.resolve();
        await aborted.promise;
        throw new Error('told to the log alone');
      },
      async clientStream() {
        throw new Error('told to the log alone');
      },
    });
    await server.listen('127.0.0.1:1');
    const options = { runtime, transport };
    await using client = createClient(ShapesServiceDefinition, 'static:///127.0.0.1:1', options);
    const { sample } = await client.unary({ sample: { text: 'there and back' } });
    expect(sample?.text).toBe('there and back');

    const failure = rejection(client.unarySafe({}, { timeoutMs: 200 }));
    await arrived.promise;
    expect(remainingMs).toBe(200);
    runtime.clock.advance(199);
    expect(runtime.clock.pending).toBeGreaterThan(0);
    runtime.clock.advance(1);
    expect(await failure).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await aborted.promise;

    const none = (async function* () {})();
    expect(await rejection(client.clientStream(none))).toMatchObject({ code: Status.UNKNOWN });
    expect(runtime.logger.entries).toMatchObject([
      { level: 'error', message: 'a handler failed', fields: { err: { message: /alone/ } } },
    ]);
    expect(runtime.clock.pending).toBe(0);
  });
});
