import type { SrvRecord } from 'node:dns';

import { expect, test } from 'vitest';

import { dnsResolver } from '../../src/channel/resolvers/dns.ts';
import { parseTarget } from '../../src/channel/target.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { recorder, turn } from './resolver-recorder.ts';

const record = (name: string, port: number, priority = 10): SrvRecord => ({
  name,
  port,
  priority,
  weight: 1,
});

/** A resolver of SRV records that are the test's, as are the addresses, and may both change. */
function setUp(records: SrvRecord[], addresses: Record<string, string[] | Error>) {
  const runtime = testRuntime({ random: () => 0.5 });
  const asked: string[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const factory = dnsResolver(() => ({
    async addresses(host) {
      asked.push(host);
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      await turn();
      atOnce--;
      const answer = addresses[host] ?? Object.assign(new Error('none'), { code: 'ENOTFOUND' });
      if (answer instanceof Error) throw answer;
      return answer;
    },
    srv: async (name) => {
      asked.push(name);
      return records;
    },
    close: () => undefined,
  }));
  const resolver = factory(parseTarget('dns:///_grpc._tcp.orders.example.com.'), runtime);
  const { told, listener } = recorder();
  resolver.start(listener);
  return {
    records,
    addresses,
    asked,
    told,
    resolver,
    mostAtOnce: () => mostAtOnce,
    /** Resolves when the resolver has told `count` things, asking again as time passes. */
    async tells(count: number): Promise<readonly string[]> {
      while (told.length < count) {
        await turn();
        if (runtime.clock.pending > 0) runtime.clock.advance(100);
      }
      return told;
    },
    [Symbol.dispose]: () => resolver.close(),
  };
}

test('takes ports from the records, and the name after the two labels', async () => {
  using srv = setUp([record('a.test', 1), record('b.test', 2), record('a.test', 3)], {
    'a.test': ['10.0.0.1', '10.0.0.2'],
    'b.test': ['fd00::1'],
  });
  const name = 'orders.example.com';
  expect(await srv.tells(1)).toEqual([
    [
      `10.0.0.1:1 as ${name}`,
      `10.0.0.2:1 as ${name}`,
      `[fd00::1]:2 as ${name}`,
      `10.0.0.1:3 as ${name}`,
      `10.0.0.2:3 as ${name}`,
    ].join(', '),
  ]);
  expect(srv.asked.toSorted()).toEqual(['_grpc._tcp.orders.example.com.', 'a.test', 'b.test']);
});

test('uses the lowest priority that resolves, and no other', async () => {
  using srv = setUp([record('c.test', 3, 30), record('b.test', 2, 20), record('a.test', 1, 10)], {
    'a.test': ['10.0.0.1'],
    'b.test': ['10.0.0.2'],
    'c.test': ['10.0.0.3'],
  });
  expect(await srv.tells(1)).toEqual(['10.0.0.1:1 as orders.example.com']);
  expect(srv.asked).not.toContain('b.test');
  delete srv.addresses['a.test'];
  expect((await srv.tells(2))[1]).toBe('10.0.0.2:2 as orders.example.com');
  expect(srv.asked).not.toContain('c.test');
});

test('keeps the addresses of a target that cannot be asked about while others can', async () => {
  using srv = setUp([record('a.test', 1), record('b.test', 2)], {
    'a.test': ['10.0.0.1'],
    'b.test': ['10.0.0.2'],
  });
  await srv.tells(1);
  srv.addresses['a.test'] = ['10.0.0.9'];
  srv.addresses['b.test'] = new Error('SERVFAIL');
  expect((await srv.tells(2))[1]).toBe(
    '10.0.0.9:1 as orders.example.com, 10.0.0.2:2 as orders.example.com',
  );
  srv.addresses['b.test'] = Object.assign(new Error('none'), { code: 'ENODATA' });
  expect((await srv.tells(3))[2]).toBe('10.0.0.9:1 as orders.example.com');
});

test('does without a target that could never be asked about', async () => {
  using srv = setUp([record('a.test', 1), record('b.test', 2)], {
    'a.test': new Error('SERVFAIL'),
    'b.test': ['10.0.0.2'],
  });
  expect(await srv.tells(1)).toEqual(['10.0.0.2:2 as orders.example.com']);
});

test('tells a failure where no target could be asked about, and emptiness where none is', async () => {
  using srv = setUp([record('a.test', 1), record('b.test', 2, 20)], {
    'a.test': new Error('SERVFAIL'),
  });
  const service = "The name '_grpc._tcp.orders.example.com.'";
  expect(await srv.tells(1)).toEqual([`error: ${service} does not resolve: SERVFAIL`]);
  // RFC 2782: "." as the target says that the service is not offered here.
  srv.records.splice(0, 2, record('', 0));
  expect((await srv.tells(2))[1]).toBe(
    `error: ${service} does not resolve to an address: there are no addresses`,
  );
});

test('asks for the addresses of no more than 32 targets at a time', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `pod-${i}.test`);
  using srv = setUp(
    names.map((name) => record(name, 1)),
    Object.fromEntries(names.map((name, i) => [name, [`10.0.0.${i}`]])),
  );
  const [list = ''] = await srv.tells(1);
  expect(list.split(', ')).toHaveLength(100);
  expect(srv.mostAtOnce()).toBe(32);
});
