import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { query } from '../../src/channel/resolvers/dns-query.ts';
import { dnsResolver } from '../../src/channel/resolvers/dns.ts';
import { parseTarget } from '../../src/channel/target.ts';
import type { ResolverFactory, RpcError, Server } from '../../src/index.ts';
import { createChannel, createClient, createServer, insecure, Status } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { deferred, rejection, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import type { Reply } from './dns-responder.ts';
import { startResponder } from './dns-responder.ts';
import { noDnsmasq, startDnsmasq } from './dnsmasq.ts';
import { recorder, turn } from './resolver-recorder.ts';

/** Answers take real time, questions are asked when the test lets time pass. */
function resolve(target: string) {
  const clock = new ManualClock();
  const runtime = { ...testRuntime(), clock, random: () => 0.5 };
  const resolver = dnsResolver()(parseTarget(target), runtime);
  const { told, listener } = recorder();
  resolver.start(listener);
  return {
    clock,
    resolver,
    told,
    async tells(count: number): Promise<string | undefined> {
      await expect.poll(() => told.length, { interval: 5, timeout: 5_000 }).toBe(count);
      return told.at(-1);
    },
    [Symbol.dispose]: () => resolver.close(),
  };
}

/** Servers of one port, at 127.0.0.1, 127.0.0.2 and so on, that answer with their number. */
async function fleet(size: number) {
  const runtime = testRuntime();
  const servers: Server[] = [];
  let port = 0;
  for (let i = 1; i <= size; i++) {
    const server = createServer({ runtime }).add(ShapesServiceDefinition, {
      ...shapes,
      unary: async () => ({ sample: { text: String(i) } }),
    });
    ({ port } = await server.listen(`127.0.0.${i}:${port}`));
    servers.push(server);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** Without the rule to keep the last good list: a failure is the news that there is nobody. */
function trusting(make: ResolverFactory): ResolverFactory {
  return (target, runtime) => {
    const resolver = make(target, runtime);
    return {
      loopback: resolver.loopback,
      start: (listener) =>
        resolver.start({ ...listener, error: (status) => listener.empty(status) }),
      resolveNow: () => resolver.resolveNow(),
      close: () => resolver.close(),
    };
  };
}

/** A channel by a name of that DNS server, whose resolver asks when the test lets time pass. */
function connect(server: string, port: number, dns: ResolverFactory = dnsResolver()) {
  const clock = new ManualClock();
  const channel = createChannel(`dns://${server}/orders.test:${port}`, {
    runtime: { ...testRuntime(), clock, random: () => 0.5 },
    credentials: insecure(),
    balancer: 'round_robin',
    slowStart: false,
    resolvers: { dns },
  });
  const client = createClient(ShapesServiceDefinition, channel, { defaults: { retry: false } });
  return {
    clock,
    client,
    /** Who answers a few calls. */
    answers: async (): Promise<string> => {
      const seen = new Set<string>();
      for (let i = 0; i < 12; i++) seen.add((await client.unary({})).sample?.text ?? '');
      return [...seen].toSorted().join('');
    },
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

const settles = { interval: 10, timeout: 5_000 };
const why = noDnsmasq === undefined ? '' : `: not run because ${noDnsmasq}`;

describe.skipIf(noDnsmasq !== undefined)(`dnsmasq${why}`, { timeout: 30_000 }, () => {
  test('the server of the target is asked, for A and AAAA, and again by timer', async () => {
    await using dns = await startDnsmasq();
    await dns.setHosts('10.0.0.1 orders.test', 'fd00::1 orders.test', '10.0.0.9 stock.test');
    using name = resolve(`dns://${dns.address}/orders.test:50051`);
    const [v4, v6] = [
      '10.0.0.1:50051 as orders.test:50051',
      '[fd00::1]:50051 as orders.test:50051',
    ];
    expect(await name.tells(1)).toBe(`${v4}, ${v6}`);

    await dns.setHosts('10.0.0.1 orders.test', '10.0.0.2 orders.test');
    name.clock.advance(30_000);
    const list = (await name.tells(2))?.split(', ').toSorted();
    expect(list).toEqual([v4, '10.0.0.2:50051 as orders.test:50051']);
  });

  test('a name that is not there is told as such, and found once it is', async () => {
    await using dns = await startDnsmasq();
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    expect(await name.tells(1)).toMatch(
      /^error: The name 'orders.test' does not resolve to an address: .*ENOTFOUND orders.test$/,
    );
    await dns.setHosts('10.0.0.1 orders.test');
    name.clock.advance(1_000);
    expect(await name.tells(2)).toBe('10.0.0.1:1 as orders.test:1');
  });

  test('a name that is gone is believed to be after 30 s', async () => {
    await using dns = await startDnsmasq();
    await dns.setHosts('10.0.0.1 orders.test');
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    await name.tells(1);
    await dns.setHosts('10.0.0.1 stock.test');
    name.clock.advance(30_000);
    expect(await name.tells(2)).toContain('error: ');
    const sinceMs = name.clock.now();
    // Time passes much faster than it does, but not so fast that answers come too late.
    await expect
      .poll(() => (name.clock.advance(100), name.told.at(-1)), { interval: 5, timeout: 20_000 })
      .toMatch(/^gone: .*ENOTFOUND/);
    expect(name.clock.now() - sinceMs).toBeGreaterThanOrEqual(30_000);
  });

  test('SRV records tell ports; a target of a lower priority counts when it has an address', async () => {
    const service = '--srv-host=_grpc._tcp.orders.test';
    await using dns = await startDnsmasq(
      `${service},a.test,1001,10,1`,
      `${service},b.test,1002,10,1`,
      `${service},spare.test,1003,20,1`,
    );
    const hosts = ['10.0.0.1 a.test', 'fd00::2 b.test', '10.0.0.3 spare.test'];
    await dns.setHosts(...hosts);
    using name = resolve(`dns://${dns.address}/_grpc._tcp.orders.test`);
    expect((await name.tells(1))?.split(', ').toSorted()).toEqual([
      '10.0.0.1:1001 as orders.test',
      '[fd00::2]:1002 as orders.test',
    ]);
    await dns.setHosts(...hosts.slice(2));
    name.clock.advance(30_000);
    expect(await name.tells(2)).toBe('10.0.0.3:1003 as orders.test');
  });

  test('a channel follows the records, and outlives its DNS server', async () => {
    await using servers = await fleet(3);
    await using dns = await startDnsmasq();
    await dns.setHosts('127.0.0.1 orders.test');
    await using c = connect(dns.address, servers.port);
    expect(await c.answers()).toBe('1');
    await dns.setHosts('127.0.0.1 orders.test', '127.0.0.2 orders.test', '127.0.0.3 orders.test');
    c.clock.advance(30_000);
    await expect.poll(c.answers, settles).toBe('123');
    await dns.setHosts('127.0.0.2 orders.test', '127.0.0.3 orders.test');
    c.clock.advance(30_000);
    await expect.poll(c.answers, settles).toBe('23');
    await dns.kill();
    for (let i = 0; i < 10; i++) {
      c.clock.advance(30_000);
      expect(await c.answers()).toBe('23');
    }
  });
});

describe('a server that fails', () => {
  test.each<[string, Reply, RegExp]>([
    ['SERVFAIL', 'SERVFAIL', /^error: The name 'orders.test' does not resolve: .*ESERVFAIL/],
    ['REFUSED', 'REFUSED', /^error: The name 'orders.test' does not resolve: .*EREFUSED/],
    [
      'NXDOMAIN',
      'NXDOMAIN',
      /^error: The name 'orders.test' does not resolve to an address: .*ENOTFOUND/,
    ],
    [
      'an empty NOERROR',
      [],
      /^error: The name 'orders.test' does not resolve to an address: .*ENODATA/,
    ],
  ])('%s: the list stays, and calls go on', async (_name, failure, message) => {
    await using servers = await fleet(1);
    await using dns = await startResponder(() => ['127.0.0.1']);
    await using c = connect(dns.address, servers.port);
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    expect(await c.answers()).toBe('1');
    expect(await name.tells(1)).toContain('127.0.0.1');

    dns.reply = () => failure;
    const asked = dns.asked.length;
    c.clock.advance(30_000);
    name.clock.advance(30_000);
    expect(await name.tells(2)).toMatch(message);
    await expect.poll(() => dns.asked.length, settles).toBeGreaterThanOrEqual(asked + 4);
    expect(await c.answers()).toBe('1');

    dns.reply = () => ['127.0.0.1'];
    name.clock.advance(1_000);
    expect(await name.tells(3)).toBe('127.0.0.1:1 as orders.test:1');
  });

  test('without the last list kept, calls would fail', async () => {
    await using servers = await fleet(1);
    await using dns = await startResponder(() => ['127.0.0.1']);
    await using c = connect(dns.address, servers.port, trusting(dnsResolver()));
    expect(await c.answers()).toBe('1');
    dns.reply = () => 'SERVFAIL';
    c.clock.advance(30_000);
    const code = async (): Promise<Status> => {
      const [settled] = await Promise.allSettled([c.client.unary({})]);
      return settled.status === 'rejected' ? (settled.reason as RpcError).code : Status.OK;
    };
    await expect.poll(code, settles).toBe(Status.UNAVAILABLE);
    expect(await rejection(c.client.unary({}))).toMatchObject({
      details: expect.stringContaining('ESERVFAIL') as string,
    });
  });

  test('A is SERVFAIL and AAAA empty: that is a failure, not emptiness', async () => {
    await using dns = await startResponder(({ type }) => (type === 'A' ? 'SERVFAIL' : []));
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    expect(await name.tells(1)).toContain('does not resolve: ');
  });
});

describe('a server that is slow', () => {
  test('the question has failed after 5 s, and its answer is used when it comes', async () => {
    await using dns = await startResponder(() => ['10.0.0.1']);
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    await name.tells(1);
    const slow = deferred<Reply>();
    dns.reply = () => slow.promise;
    name.clock.advance(30_000);
    await expect.poll(() => dns.asked.length, settles).toBe(4);
    // The question is sent again, to the same server, and the first one not forgotten.
    name.clock.advance(5_000);
    expect(await name.tells(2)).toContain('no answer within 5000 ms');
    await expect.poll(() => dns.asked.length, settles).toBe(8);
    slow.resolve(['10.0.0.2']);
    expect(await name.tells(3)).toBe('10.0.0.2:1 as orders.test:1');
  });

  test('a question that is lost is sent again after 1 s', async () => {
    await using dns = await startResponder(() => 'nothing');
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    await expect.poll(() => dns.asked.length, settles).toBe(2);
    dns.reply = () => ['10.0.0.1'];
    name.clock.advance(1_000);
    expect(await name.tells(1)).toBe('10.0.0.1:1 as orders.test:1');
    expect(dns.asked).toHaveLength(4);
  });

  test('one that never answers for AAAA holds the A records back for 2 s', async () => {
    await using dns = await startResponder(({ type }) =>
      type === 'AAAA' ? 'nothing' : ['10.0.0.1'],
    );
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    await expect.poll(() => dns.asked.length, settles).toBe(2);
    // Its patience begins with the answer for A.
    await expect.poll(() => (name.clock.advance(100), name.told.length), settles).toBe(1);
    expect(name.told).toEqual(['10.0.0.1:1 as orders.test:1']);
    expect(name.clock.now()).toBeGreaterThanOrEqual(2_000);
  });

  test('closed while it is waited for, nothing is left', async () => {
    const slow = deferred<Reply>();
    await using dns = await startResponder(() => slow.promise);
    using name = resolve(`dns://${dns.address}/orders.test:1`);
    await expect.poll(() => dns.asked.length, settles).toBe(2);
    name.resolver.close();
    await turn();
    expect(name.clock.pending).toBe(0);
    slow.resolve(['10.0.0.1']);
    await turn();
    expect(name.told).toEqual([]);
  });
});

describe('several servers', () => {
  const ask = (servers: readonly string[]) => {
    const clock = new ManualClock();
    const asked = query(clock, servers, (resolver) => resolver.resolve4('orders.test'));
    return { clock, ...asked };
  };

  test('one that fails is followed by the next at once', async () => {
    await using bad = await startResponder(() => 'SERVFAIL');
    await using good = await startResponder(() => ['10.0.0.1']);
    const { answer, clock } = ask([bad.address, good.address]);
    expect(await answer).toEqual(['10.0.0.1']);
    expect(clock.now()).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('one that is silent is followed by the next after 1 s, and may still answer', async () => {
    const late = deferred<Reply>();
    await using slow = await startResponder(() => late.promise);
    await using silent = await startResponder(() => 'nothing');
    const { answer, clock } = ask([slow.address, silent.address]);
    await expect.poll(() => slow.asked.length, settles).toBe(1);
    clock.advance(1_000);
    await expect.poll(() => silent.asked.length, settles).toBe(1);
    late.resolve(['10.0.0.1']);
    expect(await answer).toEqual(['10.0.0.1']);
  });

  test('that there is no such name is an answer, which no other is asked about', async () => {
    await using first = await startResponder(() => 'NXDOMAIN');
    await using second = await startResponder(() => ['10.0.0.1']);
    const { answer } = ask([first.address, second.address]);
    expect(await rejection(answer)).toMatchObject({ code: 'ENOTFOUND' });
    expect(second.asked).toEqual([]);
  });

  test('all that fail are one failure', async () => {
    await using first = await startResponder(() => 'SERVFAIL');
    await using second = await startResponder(() => 'REFUSED');
    const { answer, clock } = ask([first.address, second.address]);
    expect(await rejection(answer)).toMatchObject({ code: 'EREFUSED' });
    expect(clock.pending).toBe(0);
  });
});
