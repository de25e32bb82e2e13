import { describe, expect, test } from 'vitest';

import type { ResolverListener } from '../../src/index.ts';
import { dnsResolver } from '../../src/channel/resolvers/dns.ts';
import { staticResolver, unixResolver } from '../../src/channel/resolvers/static.ts';
import { parseTarget } from '../../src/channel/target.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { testRuntime } from '../support/harness.ts';

/** What a resolver has told, as text. */
function recorder(): { told: string[]; listener: ResolverListener } {
  const told: string[] = [];
  return {
    told,
    listener: {
      endpoints: (list) =>
        told.push(
          list
            .map(({ authority, address }) =>
              address.kind === 'tcp'
                ? `${address.host}:${address.port} as ${authority}`
                : address.path,
            )
            .join(', '),
        ),
      error: ({ details }) => told.push(`error: ${details}`),
    },
  };
}

/** Lets the promises that are due run. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('static', () => {
  test('lists its endpoints, each under its own name', () => {
    const { told, listener } = recorder();
    const resolver = staticResolver(parseTarget('static:///a:1,[::1]:2'), testRuntime());
    resolver.start(listener);
    expect(told).toEqual(['a:1 as a:1, ::1:2 as [::1]:2']);
  });

  test.each([
    ['static:///127.0.0.1:1,[::1]:2,localhost:3', true],
    ['static:///127.0.0.1:1,10.0.0.1:2', false],
    ['static:///orders:1', false],
  ])('%s is loopback: %s', (target, loopback) => {
    expect(staticResolver(parseTarget(target), testRuntime()).loopback).toBe(loopback);
  });
});

describe('unix', () => {
  test.each([
    ['unix:/run/a.sock', '/run/a.sock'],
    ['unix:///run/a.sock', '/run/a.sock'],
    ['unix:a.sock', 'a.sock'],
  ])('%s is %s', (target, path) => {
    const { told, listener } = recorder();
    unixResolver(parseTarget(target), testRuntime()).start(listener);
    expect(told).toEqual([path]);
  });
});

describe('dns', () => {
  const setUp = (answers: (string[] | Error)[]) => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const lookup = async (host: string) => {
      asked.push(host);
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) throw answer;
      return answer.map((address) => ({ address, family: 4 }));
    };
    const runtime = { ...testRuntime(), clock, random: () => 0.5 };
    const resolver = dnsResolver(lookup)(parseTarget('dns:///orders:50051'), runtime);
    return { clock, asked, resolver, ...recorder() };
  };

  test('tells every address under the name of the target', async () => {
    const { resolver, told, listener, asked } = setUp([['10.0.0.1', '10.0.0.2']]);
    resolver.start(listener);
    await turn();
    expect(asked).toEqual(['orders']);
    expect(told).toEqual(['10.0.0.1:50051 as orders:50051, 10.0.0.2:50051 as orders:50051']);
    resolver.close();
  });

  test('asks again by timer, and so sees a scale-up', async () => {
    const { resolver, told, listener, clock } = setUp([['10.0.0.1'], ['10.0.0.1', '10.0.0.2']]);
    resolver.start(listener);
    await turn();
    clock.advance(29_000);
    await turn();
    expect(told).toHaveLength(1);
    clock.advance(1_100);
    await turn();
    expect(told[1]).toContain('10.0.0.2');
    resolver.close();
  });

  test('asks again on a disconnect, but not more than once a second', async () => {
    const { resolver, listener, clock, asked } = setUp([['10.0.0.1'], ['10.0.0.2'], ['10.0.0.3']]);
    resolver.start(listener);
    await turn();
    for (let i = 0; i < 10; i++) resolver.resolveNow();
    await turn();
    expect(asked).toHaveLength(1);
    clock.advance(1_000);
    await turn();
    expect(asked).toHaveLength(2);
    resolver.close();
  });

  test('tells of a failure and of an empty answer, and goes on asking', async () => {
    const { resolver, told, listener, clock } = setUp([new Error('SERVFAIL'), [], ['10.0.0.1']]);
    resolver.start(listener);
    await turn();
    expect(told[0]).toBe("error: The name 'orders' does not resolve: SERVFAIL");
    clock.advance(31_000);
    await turn();
    expect(told[1]).toContain('no address');
    clock.advance(31_000);
    await turn();
    expect(told[2]).toContain('10.0.0.1:50051');
    resolver.close();
  });

  test('leaves no timer behind once closed, also when an answer is still on its way', async () => {
    const { resolver, listener, clock } = setUp([['10.0.0.1']]);
    resolver.start(listener);
    resolver.close();
    await turn();
    expect(clock.pending).toBe(0);
  });
});
