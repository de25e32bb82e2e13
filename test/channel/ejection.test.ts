import { describe, expect, test } from 'vitest';

import type { BalancerName, ChannelOptions } from '../../src/index.ts';
import { Status } from '../../src/index.ts';
import type { Fleet } from './memory-fleet.ts';
import { answer, failing, memoryFleet, never, turn } from './memory-fleet.ts';

/** Three of which the first answers UNAVAILABLE to all; how many of 1 000 calls that hits. */
async function failuresOf(options: ChannelOptions): Promise<number> {
  await using fleet = await memoryFleet(3, options);
  fleet.on(0, failing(Status.UNAVAILABLE));
  let failed = 0;
  for (let i = 0; i < 1_000; i++) if ((await fleet.attempt().ended) !== Status.OK) failed++;
  return failed;
}

const NAMES: readonly BalancerName[] = ['peak_ewma', 'least_request', 'round_robin'];

describe.each(NAMES)('%s: an endpoint that fails every call', (balancer) => {
  test('is called five times, and then no more', async () => {
    expect(await failuresOf({ balancer })).toBeLessThanOrEqual(5);
  });
});

describe('without ejection it goes on failing calls', () => {
  test('a third of them under round_robin', async () => {
    expect(await failuresOf({ balancer: 'round_robin', ejection: false })).toBeGreaterThan(300);
  });

  test('few under peak_ewma, to which a fast failure is slow', async () => {
    expect(await failuresOf({ balancer: 'peak_ewma', ejection: false })).toBeLessThan(20);
  });
});

function logged(fleet: Fleet) {
  return fleet.runtime.logger.entries.filter(({ message }) => message.includes('eject'));
}

describe('an ejection', () => {
  test('lasts its time, begins and ends in the log, and grows', async () => {
    await using fleet = await memoryFleet(3, {
      balancer: 'round_robin',
      ejection: { jitter: 0 },
      slowStart: false,
    });
    const [bad = ''] = fleet.addresses;
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(100);
    expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
      ejectedUntilMs: 30_000,
      ejections: 1,
      failures: 5,
      lastError: 'UNAVAILABLE: on purpose',
    });
    expect(logged(fleet)).toEqual([
      {
        level: 'warn',
        message: 'an endpoint is ejected',
        fields: {
          target: 'manual:///shop',
          endpoint: bad,
          reason: '5 failures in a row',
          forMs: 30_000,
        },
      },
    ]);
    fleet.runtime.clock.advance(29_999);
    expect((await fleet.share(100))[bad]).toBe(0);
    fleet.runtime.clock.advance(1);
    expect(logged(fleet)[1]).toMatchObject({ level: 'info', fields: { endpoint: bad } });
    await fleet.share(100);
    expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
      ejectedUntilMs: 60_000,
      ejections: 2,
    });
    fleet.on(0, answer('well again'));
    fleet.runtime.clock.advance(60_000);
    expect((await fleet.share(90))[bad]).toBeGreaterThan(20);
    expect(logged(fleet)).toHaveLength(4);
  });

  test('of the only endpoint never happens', async () => {
    await using fleet = await memoryFleet(1);
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot().endpoints[0]?.ejections).toBe(0);
    expect(logged(fleet)).toEqual([]);
  });

  test('is ignored where too few would be left: panic', async () => {
    await using fleet = await memoryFleet(3);
    for (const i of [0, 1, 2]) fleet.on(i, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot()).toMatchObject({ panic: false });
    const ejected = fleet.channel.snapshot().endpoints.find(({ ejections }) => ejections > 0);
    // One of three is ejected; with another one gone, a third would be left.
    const gone = fleet.addresses.find((address) => address !== ejected?.address) ?? '';
    fleet.net.refuse(gone);
    fleet.net.break(gone);
    expect(fleet.channel.snapshot().panic).toBe(true);
    expect((await fleet.share(100))[ejected?.address ?? '']).toBeGreaterThan(20);
  });

  test('by percentage goes by what the others do', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'round_robin' });
    let calls = 0;
    fleet.on(0, (request, context) =>
      calls++ % 3 === 0
        ? answer('fine')(request, context)
        : failing(Status.UNAVAILABLE)(request, context),
    );
    await fleet.share(300, 30);
    expect(fleet.channel.snapshot().endpoints[0]?.ejections).toBe(0);
    fleet.runtime.clock.advance(2_000);
    await fleet.share(1);
    expect(logged(fleet)[0]?.fields).toMatchObject({
      reason: expect.stringMatching(/^6\d % of 100 calls failed$/) as string,
    });
  });

  test('ends when an endpoint leaves the list, and does not come back with it', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'round_robin' });
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot().endpoints[0]?.ejections).toBe(1);
    fleet.names.set(fleet.addresses.slice(1));
    fleet.names.set(fleet.addresses);
    await turn();
    expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
      ejectedUntilMs: undefined,
      ejections: 0,
    });
  });

  test('leaves no timer behind the channel', async () => {
    const fleet = await memoryFleet(2, { balancer: 'round_robin' });
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot().endpoints[0]?.ejections).toBe(1);
    const before = fleet.runtime.clock.pending;
    await fleet.channel[Symbol.asyncDispose]();
    expect(fleet.runtime.clock.pending).toBe(before - 1);
    await fleet[Symbol.asyncDispose]();
  });
});

test('calls that end with their channel eject nobody', async () => {
  const fleet = await memoryFleet(2);
  for (const i of [0, 1]) fleet.on(i, never);
  const attempts = Array.from({ length: 20 }, () => fleet.attempt());
  await turn();
  await fleet.channel[Symbol.asyncDispose]();
  const codes = await Promise.all(attempts.map(({ ended }) => ended));
  expect(codes.filter((code) => code === Status.UNAVAILABLE)).toHaveLength(20);
  expect(logged(fleet)).toEqual([]);
  await fleet[Symbol.asyncDispose]();
  expect(fleet.runtime.clock.pending).toBe(0);
});

test('a comparison that falls due once the channel is closed ejects nobody', async () => {
  const fleet = await memoryFleet(2, {
    balancer: 'round_robin',
    ejection: { consecutiveFailures: 1_000, intervalMs: 10_000 },
  });
  fleet.on(0, failing(Status.UNAVAILABLE));
  await fleet.share(60);
  const release = Promise.withResolvers<object>();
  for (const i of [0, 1]) fleet.on(i, () => release.promise);
  const { ended } = fleet.attempt();
  await turn();
  fleet.channel.close();
  fleet.runtime.clock.advance(10_000);
  release.resolve({});
  expect(await ended).toBe(Status.OK);
  expect(logged(fleet)).toEqual([]);
  await fleet[Symbol.asyncDispose]();
  expect(fleet.runtime.clock.pending).toBe(0);
});

test('an endpoint that stopped is ejected by the deadlines that pass on it', async () => {
  await using fleet = await memoryFleet(3, { balancer: 'round_robin' });
  await fleet.share(30);
  fleet.on(0, never);
  for (let i = 0; i < 30; i++) {
    const { call, ended } = fleet.attempt();
    await turn();
    // Never quite the same time, as timers have it.
    fleet.runtime.clock.advance(100 - i / 10);
    call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
    await ended;
  }
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ failures: 5, ejections: 1 });
});

test('calls that go down with a connection do not eject what answers the next dial', async () => {
  await using fleet = await memoryFleet(2, { slowStart: false });
  fleet.on(0, never);
  const [first = ''] = fleet.addresses;
  const attempts = Array.from({ length: 20 }, () => fleet.attempt());
  await turn();
  fleet.net.break(first);
  const codes = await Promise.all(attempts.map(({ ended }) => ended));
  expect(codes.filter((code) => code === Status.UNAVAILABLE)).toHaveLength(10);
  fleet.on(0, answer('restarted'));
  fleet.runtime.clock.advance(1_500);
  await turn();
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({
    state: 'ready',
    failures: 10,
    ejections: 0,
  });
  expect((await fleet.share(100))[first]).toBeGreaterThan(30);
});
