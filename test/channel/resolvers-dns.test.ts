import { describe, expect, test } from 'vitest';

import { dnsResolver } from '../../src/channel/resolvers/dns.ts';
import { parseTarget } from '../../src/channel/target.ts';
import { ConfigError } from '../../src/index.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { deferred } from '../support/harness.ts';
import { recorder, turn } from './resolver-recorder.ts';

type Answer = string[] | Error | Promise<string[]>;

/** The answer that there is no such name. */
function noSuchName(): Error {
  return Object.assign(new Error('queryA ENOTFOUND orders'), { code: 'ENOTFOUND' });
}

/** A resolver that asks the test; the last answer is given again and again. */
function setUp(answers: Answer[], target = 'dns:///orders:50051', random = 0.5) {
  const runtime = testRuntime({ random: () => random });
  const { clock } = runtime;
  const askedAt: number[] = [];
  const hosts = new Set<string>();
  let server: string | undefined;
  let closed = 0;
  const factory = dnsResolver((_clock, given) => {
    server = given;
    return {
      async addresses(host) {
        askedAt.push(clock.now());
        hosts.add(host);
        const answer = await (answers.length > 1 ? answers.shift() : answers[0]);
        if (answer instanceof Error) throw answer;
        return answer ?? [];
      },
      srv: () => Promise.reject(new Error('nobody asked for SRV records')),
      close: () => void closed++,
    };
  });
  const resolver = factory(parseTarget(target), runtime);
  return {
    clock,
    askedAt,
    hosts,
    resolver,
    ...recorder(),
    server: () => server,
    closed: () => closed,
    /** Time that passes in small steps, with all that it brings. */
    pass: async (ms: number): Promise<void> => {
      await turn();
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(Math.min(left, 100));
        await turn();
      }
    },
  };
}

describe('answers', () => {
  test('tells every address under the name of the target', async () => {
    const { resolver, told, listener, hosts } = setUp([['10.0.0.1', 'fd00::1']]);
    resolver.start(listener);
    await turn();
    expect([...hosts]).toEqual(['orders']);
    expect(told).toEqual(['10.0.0.1:50051 as orders:50051, [fd00::1]:50051 as orders:50051']);
    resolver.close();
  });

  test.each([
    [0, 24_000],
    [0.5, 30_000],
    [0.999_999, 36_000],
  ])('asks again by timer, with random %d after %d ms', async (random, afterMs) => {
    const answers = [['10.0.0.1'], ['10.0.0.1', '10.0.0.2']];
    const { resolver, told, listener, clock, pass } = setUp(answers, undefined, random);
    resolver.start(listener);
    await turn();
    await pass(afterMs - 100);
    expect(told).toHaveLength(1);
    await pass(200);
    expect(told[1]).toContain('10.0.0.2');
    resolver.close();
    expect(clock.pending).toBe(0);
  });

  test('asks again on a disconnect, but not more than once a second', async () => {
    const { resolver, listener, clock, askedAt } = setUp([['10.0.0.1']]);
    resolver.start(listener);
    await turn();
    for (let i = 0; i < 10; i++) resolver.resolveNow();
    await turn();
    expect(askedAt).toEqual([0]);
    clock.advance(1_000);
    await turn();
    expect(askedAt).toEqual([0, 1_000]);
    clock.advance(5_000);
    resolver.resolveNow();
    resolver.resolveNow();
    expect(askedAt).toEqual([0, 1_000, 6_000]);
    resolver.close();
  });

  test('leaves no timer behind once closed, also when an answer is still on its way', async () => {
    const { resolver, told, listener, clock, closed } = setUp([['10.0.0.1']]);
    resolver.start(listener);
    resolver.close();
    resolver.resolveNow();
    await turn();
    expect(clock.pending).toBe(0);
    expect(closed()).toBe(1);
    expect(told).toEqual([]);
  });
});

describe('failures', () => {
  test('asks again in 1 s, 1.6 s and so on up to 30 s, until there is an answer', async () => {
    const answers = Array.from({ length: 11 }, (): Answer => new Error('SERVFAIL'));
    const { resolver, listener, askedAt, pass, told } = setUp([...answers, ['10.0.0.1']]);
    resolver.start(listener);
    await pass(180_000);
    const waits = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0));
    // An answer is seen up to one step of 100 ms after its question.
    const late = waits.map((wait, i) => wait - Math.min(30_000, 1_000 * 1.6 ** i));
    expect(late.slice(0, 10).filter((ms) => ms < -0.01 || ms > 100)).toEqual([]);
    expect(late.length).toBeGreaterThan(10);
    expect(told[0]).toBe("error: The name 'orders' does not resolve: SERVFAIL");
    expect(told[11]).toBe('10.0.0.1:50051 as orders:50051');
    resolver.close();
  });

  test('begins with 1 s again after an answer, and disconnects do not make it ask sooner', async () => {
    const answers = [new Error('a'), new Error('b'), ['10.0.0.1'], new Error('c')];
    const { resolver, listener, askedAt, pass, told } = setUp(answers);
    resolver.start(listener);
    await pass(2_700);
    expect(askedAt).toEqual([0, 1_000, 2_600]);
    await pass(30_000);
    expect(askedAt.slice(3)).toEqual([32_600]);
    for (let i = 0; i < 9; i++) {
      resolver.resolveNow();
      await pass(100);
    }
    expect(askedAt.slice(3)).toEqual([32_600, 33_600]);
    expect(told.at(-1)).toContain('error: ');
    resolver.close();
  });

  test('counts 5 s of silence as a failure, and takes the answer that comes late', async () => {
    const late = deferred<string[]>();
    const { resolver, listener, told, askedAt, pass } = setUp([late.promise, new Error('busy')]);
    resolver.start(listener);
    await pass(4_900);
    expect(told).toEqual([]);
    await pass(100);
    expect(told).toEqual(["error: The name 'orders' does not resolve: no answer within 5000 ms"]);
    await pass(1_000);
    expect(askedAt).toEqual([0, 6_000]);
    late.resolve(['10.0.0.1']);
    await turn();
    expect(told.at(-1)).toBe('10.0.0.1:50051 as orders:50051');
    await pass(29_900);
    expect(askedAt).toHaveLength(2);
    await pass(100);
    expect(askedAt).toHaveLength(3);
    resolver.close();
  });

  test('drops a late answer where a newer question was answered before', async () => {
    const late = deferred<string[]>();
    const { resolver, listener, told, pass } = setUp([late.promise, ['10.0.0.2']]);
    resolver.start(listener);
    await pass(6_000);
    late.resolve(['10.0.0.1']);
    await turn();
    expect(told.slice(1)).toEqual(['10.0.0.2:50051 as orders:50051']);
    resolver.close();
  });

  test('has no more than four questions open, however long they are silent', async () => {
    const silent = deferred<string[]>();
    const { resolver, listener, askedAt, pass, told } = setUp([silent.promise]);
    resolver.start(listener);
    await pass(300_000);
    expect(askedAt).toHaveLength(4);
    silent.resolve(['10.0.0.1']);
    await turn();
    expect(told.at(-1)).toBe('10.0.0.1:50051 as orders:50051');
    await pass(30_000);
    expect(askedAt).toHaveLength(5);
    resolver.close();
  });
});

describe('empty answers', () => {
  test('are believed after 30 s of nothing else', async () => {
    const { resolver, listener, told, pass, clock } = setUp([['10.0.0.1'], noSuchName()]);
    resolver.start(listener);
    await pass(30_000);
    const why = "The name 'orders' does not resolve to an address: queryA ENOTFOUND orders";
    expect(told.slice(1)).toEqual([`error: ${why}`]);
    await pass(29_900);
    expect(told.slice(1).every((one) => one === `error: ${why}`)).toBe(true);
    await pass(30_000);
    const at = told.indexOf(`gone: ${why}`);
    expect(at).toBeGreaterThan(1);
    expect(told.filter((one) => one.startsWith('gone'))).toHaveLength(1);
    resolver.close();
    expect(clock.pending).toBe(0);
  });

  test('are not believed while other failures come between them', async () => {
    const answers = Array.from(
      { length: 40 },
      (_, i): Answer => (i % 3 === 0 ? new Error('SERVFAIL') : i % 3 === 1 ? noSuchName() : []),
    );
    const { resolver, listener, told, pass } = setUp([['10.0.0.1'], ...answers]);
    resolver.start(listener);
    await pass(90_000);
    expect(told.length).toBeGreaterThan(8);
    expect(told.some((one) => one.includes('ENOTFOUND'))).toBe(true);
    expect(told.filter((one) => one.startsWith('gone'))).toEqual([]);
    resolver.close();
  });

  test('are forgotten when addresses return', async () => {
    const answers = [['10.0.0.1'], [], noSuchName(), ['10.0.0.2'], []];
    const { resolver, listener, told, pass } = setUp(answers);
    resolver.start(listener);
    await pass(33_000);
    expect(told[1]).toBe(
      "error: The name 'orders' does not resolve to an address: there are no addresses",
    );
    expect(told[3]).toBe('10.0.0.2:50051 as orders:50051');
    await pass(58_000);
    expect(told.filter((one) => one.startsWith('gone'))).toEqual([]);
    resolver.close();
  });

  test('are errors where there never was a list', async () => {
    const { resolver, listener, told, pass } = setUp([noSuchName()]);
    resolver.start(listener);
    await pass(120_000);
    expect(told.length).toBeGreaterThan(8);
    expect(told.filter((one) => !one.startsWith('error: '))).toEqual([]);
    resolver.close();
  });
});

describe('targets', () => {
  test.each([
    ['dns:///localhost:1', undefined, true],
    ['dns:///a.localhost', undefined, true],
    ['localhost:1', undefined, true],
    ['dns:///orders', undefined, false],
    ['dns://127.0.0.1/localhost:1', '127.0.0.1:53', false],
    ['dns://10.0.0.53:5353/orders:1', '10.0.0.53:5353', false],
    ['dns://[::1]/orders:1', '[::1]:53', false],
    ['dns://[::1]:5353/orders:1', '[::1]:5353', false],
    ['dns:///_grpc._tcp.localhost', undefined, false],
    ['dns://[::1]:5353/_grpc._tcp.orders', '[::1]:5353', false],
  ])('%s asks %s, loopback: %s', (target, expected, loopback) => {
    const { resolver, server } = setUp([], target);
    expect(server()).toBe(expected);
    expect(resolver.loopback).toBe(loopback);
  });

  test.each([
    ['dns:///127.0.0.1:1', '127.0.0.1:1 as 127.0.0.1:1', true],
    ['dns:///[fd00::1]:1', '[fd00::1]:1 as [fd00::1]:1', false],
    ['dns://10.0.0.53/10.0.0.1', '10.0.0.1:443 as 10.0.0.1:443', false],
  ])('%s is no question', (target, expected, loopback) => {
    const { resolver, listener, told, askedAt, clock } = setUp([], target);
    resolver.start(listener);
    expect(told).toEqual([expected]);
    expect(resolver.loopback).toBe(loopback);
    expect([askedAt, clock.pending]).toEqual([[], 0]);
  });

  test.each([
    ['dns://ns.example.com/orders', 'ns.example.com'],
    ['dns://10.0.0.53:0/orders', '10.0.0.53:0'],
    ['dns://10.0.0.53:70000/orders', '70000'],
    ['dns://::1/orders', '::1'],
    ['dns://[nine]/orders', '[nine]'],
    ['dns:///_grpc._tcp.orders:50051', 'without a port'],
    ['dns:///_grpc._tcp', '_service._proto.name'],
    ['dns:///_orders', '_service._proto.name'],
    ['dns:///orders:x', 'orders:x'],
  ])('%s is refused', (target, part) => {
    expect(() => setUp([], target)).toThrow(ConfigError);
    expect(() => setUp([], target)).toThrow(part);
  });

  test('an answer that leads off the machine is no answer for localhost', async () => {
    const answers = [['127.0.0.1', '::1'], ['127.0.0.1', '10.0.0.1'], ['127.0.0.2']];
    const { resolver, listener, told, pass } = setUp(answers, 'dns:///localhost:1');
    resolver.start(listener);
    await pass(60_100);
    expect(told).toEqual([
      '127.0.0.1:1 as localhost:1, [::1]:1 as localhost:1',
      expect.stringContaining('error: 10.0.0.1:1 is refused'),
      '127.0.0.2:1 as localhost:1',
    ]);
    resolver.close();
  });
});
