import { describe, expect, test } from 'vitest';

import type { BalancerFactory, BalancerName } from '../../src/index.ts';
import { Status } from '../../src/index.ts';
import { failing, memoryFleet, never, turn } from './memory-fleet.ts';

const ALL: readonly BalancerName[] = ['peak_ewma', 'least_request', 'round_robin', 'pick_first'];
const SPREADING = ALL.filter((name) => name !== 'pick_first');

describe.each(['peak_ewma', 'least_request', 'round_robin'] as const)('%s', (balancer) => {
  test('sees the calls in flight of picks made in the same moment', async () => {
    await using fleet = await memoryFleet(4, { balancer });
    for (let i = 0; i < 4; i++) fleet.on(i, never);
    const attempts = Array.from({ length: 8 }, () => fleet.attempt());
    const { endpoints } = fleet.channel.snapshot();
    expect(endpoints.map(({ inFlight }) => inFlight)).toEqual([2, 2, 2, 2]);
    for (const { call } of attempts) call.cancel({ code: Status.CANCELLED, details: 'enough' });
    await Promise.all(attempts.map(({ ended }) => ended));
    for (const { inFlight } of fleet.channel.snapshot().endpoints) expect(inFlight).toBe(0);
  });

  test('gives endpoints that are alike their share', async () => {
    await using fleet = await memoryFleet(3, { balancer });
    const shares = await fleet.share(600);
    for (const count of Object.values(shares)) {
      expect(count).toBeGreaterThan(160);
      expect(count).toBeLessThan(240);
    }
  });
});

test.each(SPREADING)('%s goes around an endpoint that a call has tried', async (balancer) => {
  await using fleet = await memoryFleet(3, { balancer });
  const tried = new Set(fleet.addresses.slice(0, 2));
  for (let i = 0; i < 20; i++) {
    const { call, ended } = fleet.attempt((made) => {
      made.avoid = tried;
    });
    expect(await ended).toBe(Status.OK);
    expect(call.endpoint).toBe(fleet.addresses[2]);
  }
});

test.each(ALL)('%s goes to a tried endpoint where there is no other', async (balancer) => {
  await using fleet = await memoryFleet(2, { balancer });
  const { ended } = fleet.attempt((made) => {
    made.avoid = new Set(fleet.addresses);
  });
  expect(await ended).toBe(Status.OK);
});

describe('a slow endpoint', () => {
  /** Calls of 10 ms each, one at a time, to three of which the first takes 100 ms. */
  const shareOfSlow = async (balancer: BalancerName): Promise<number> => {
    await using fleet = await memoryFleet(3, { balancer });
    for (let i = 0; i < 3; i++) {
      fleet.on(i, () => {
        const { clock } = fleet.runtime;
        return new Promise((resolve) => {
          clock.setTimer(clock.now() + (i === 0 ? 100 : 10), () => resolve({}));
        });
      });
    }
    const attempts = [];
    for (let ms = 0; ms < 6_000; ms += 5) {
      const made = fleet.attempt();
      if (ms >= 2_000) attempts.push(made);
      await turn();
      fleet.runtime.clock.advance(5);
      await turn();
    }
    fleet.runtime.clock.advance(200);
    await Promise.all(attempts.map(({ ended }) => ended));
    const slow = attempts.filter(({ call }) => call.endpoint === fleet.addresses[0]);
    return slow.length / attempts.length;
  };

  test('gets less than 5 % within 2 s from peak_ewma', async () => {
    expect(await shareOfSlow('peak_ewma')).toBeLessThan(0.05);
  });

  test('gets its turn from round_robin', async () => {
    expect(await shareOfSlow('round_robin')).toBeGreaterThan(0.3);
  });
});

test('a stopped endpoint is avoided before any of its calls times out', async () => {
  await using fleet = await memoryFleet(3);
  await fleet.share(60);
  fleet.on(0, never);
  const attempts = [];
  for (let i = 0; i < 200; i++) {
    attempts.push(fleet.attempt());
    await turn();
    fleet.runtime.clock.advance(5);
  }
  const stuck = attempts.filter(({ call }) => call.endpoint === fleet.addresses[0]);
  expect(stuck.length).toBeGreaterThan(0);
  expect(stuck.length).toBeLessThan(5);
  for (const { call } of stuck) call.cancel({ code: Status.CANCELLED, details: 'enough' });
  await Promise.all(attempts.map(({ ended }) => ended));
});

describe('a balancer of one’s own', () => {
  test('is asked only among endpoints that may be called', async () => {
    const asked: string[][] = [];
    const balancer: BalancerFactory = () => ({
      pick: (available) => {
        asked.push(available.map(({ name }) => name));
        return available[0];
      },
    });
    await using fleet = await memoryFleet(3, { balancer });
    const [first, second, third] = fleet.addresses;
    fleet.on(0, failing(Status.UNAVAILABLE));
    for (let i = 0; i < 5; i++) await fleet.attempt().ended;
    expect(asked.at(-1)).toEqual([first, second, third]);
    await fleet.attempt().ended;
    expect(asked.at(-1)).toEqual([second, third]);
    await fleet.attempt((call) => {
      call.avoid = new Set([second ?? '']);
    }).ended;
    expect(asked.at(-1)).toEqual([third]);
    expect(fleet.channel.snapshot().balancer).toBe('custom');
  });

  test('may keep a call waiting', async () => {
    let open = false;
    const balancer: BalancerFactory = () => ({
      pick: (available) => (open ? available[0] : undefined),
    });
    await using fleet = await memoryFleet(1, { balancer });
    const { call, ended } = fleet.attempt();
    await turn();
    expect(call.endpoint).toBeUndefined();
    open = true;
    fleet.names.set(fleet.addresses);
    expect(await ended).toBe(Status.OK);
  });
});

describe('pick_first', () => {
  test('tries one endpoint at a time, the next after 250 ms (RFC 8305)', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'pick_first' }, 1);
    fleet.net.stall();
    fleet.net.break();
    fleet.names.set(fleet.addresses.slice(1));
    const connecting = (): number =>
      fleet.channel.snapshot().endpoints.filter(({ state }) => state === 'connecting').length;
    const { ended } = fleet.attempt();
    await turn();
    expect(connecting()).toBe(1);
    fleet.runtime.clock.advance(249);
    expect(connecting()).toBe(1);
    fleet.runtime.clock.advance(1);
    expect(connecting()).toBe(2);
    fleet.net.heal();
    expect(await ended).toBe(Status.OK);
  });

  test('goes to another at once when its endpoint is lost', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'pick_first' });
    const { call, ended } = fleet.attempt();
    await ended;
    fleet.net.break(call.endpoint);
    const after = fleet.attempt();
    await after.ended;
    expect(after.call.endpoint).not.toBe(call.endpoint);
    expect(fleet.runtime.clock.now()).toBe(0);
  });

  test('does not eject', async () => {
    await using fleet = await memoryFleet(2, { balancer: 'pick_first' });
    for (const i of [0, 1]) fleet.on(i, failing(Status.UNAVAILABLE));
    await fleet.share(20);
    const { endpoints } = fleet.channel.snapshot();
    expect(endpoints.map(({ ejections }) => ejections)).toEqual([0, 0]);
  });
});
