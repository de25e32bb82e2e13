import { describe, expect, test } from 'vitest';

import type { BalancerName, ChannelOptions } from '../../src/index.ts';
import { Status } from '../../src/index.ts';
import type { Fleet } from './memory-fleet.ts';
import { answer, failing, memoryFleet, turn } from './memory-fleet.ts';

const NAMES: readonly BalancerName[] = ['peak_ewma', 'least_request', 'round_robin'];

/** The share of its fair share that each address got of calls made over `ms`. */
async function shares(fleet: Fleet, ms: number, calls: number): Promise<number[]> {
  const counts = await fleet.share(calls, ms / calls);
  return fleet.addresses.map(
    (address) => ((counts[address] ?? 0) / calls) * fleet.addresses.length,
  );
}

/** Three endpoints, to which three more come once calls were made. */
async function scaledUp(options: ChannelOptions): Promise<Fleet> {
  const fleet = await memoryFleet(6, options, 3);
  await fleet.share(300, 1);
  fleet.names.set(fleet.addresses);
  await turn();
  return fleet;
}

describe.each(NAMES)('%s: three endpoints become six', (balancer) => {
  test('the new ones get their share bit by bit, within 10 s', async () => {
    await using fleet = await scaledUp({ balancer });
    const early = (await shares(fleet, 2_000, 600)).slice(3);
    for (const share of early) {
      expect(share).toBeGreaterThan(0.02);
      expect(share).toBeLessThan(0.35);
    }
    await fleet.share(600, 10);
    fleet.runtime.clock.advance(2_000);
    for (const share of await shares(fleet, 3_000, 1_800)) {
      expect(share).toBeGreaterThan(0.8);
      expect(share).toBeLessThan(1.2);
    }
  });

  test('without slow start they get it at once', async () => {
    await using fleet = await scaledUp({ balancer, slowStart: false });
    const early = (await shares(fleet, 1_000, 600)).slice(3);
    for (const share of early) expect(share).toBeGreaterThan(0.7);
  });
});

test('the first endpoints of a channel start with their whole share', async () => {
  await using fleet = await memoryFleet(3);
  expect(fleet.channel.snapshot().endpoints.map(({ weight }) => weight)).toEqual([1, 1, 1]);
});

test('the weight in the snapshot grows', async () => {
  await using fleet = await scaledUp({});
  const weight = (): number | undefined => fleet.channel.snapshot().endpoints[5]?.weight;
  expect(weight()).toBe(0.1);
  fleet.runtime.clock.advance(5_000);
  expect(weight()).toBe(0.5);
  fleet.runtime.clock.advance(5_000);
  expect(weight()).toBe(1);
});

test('an endpoint that was lost comes back slowly', async () => {
  await using fleet = await memoryFleet(3);
  await fleet.share(30);
  fleet.net.break(fleet.addresses[0] ?? '');
  fleet.runtime.clock.advance(1_500);
  await turn();
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ state: 'ready' });
  expect(fleet.channel.snapshot().endpoints[0]?.weight).toBeLessThan(0.2);
});

test('an endpoint that was ejected comes back within half the time', async () => {
  await using fleet = await memoryFleet(3, { balancer: 'round_robin', ejection: { jitter: 0 } });
  fleet.on(0, failing(Status.UNAVAILABLE));
  await fleet.share(50);
  fleet.on(0, answer('well again'));
  fleet.runtime.clock.advance(30_000);
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ weight: 0.1, ejections: 1 });
  fleet.runtime.clock.advance(5_000);
  expect(fleet.channel.snapshot().endpoints[0]?.weight).toBe(1);
});

test('where all start slowly, all get their share', async () => {
  await using fleet = await memoryFleet(3);
  fleet.net.break();
  fleet.runtime.clock.advance(1_500);
  await turn();
  for (const share of await shares(fleet, 300, 300)) expect(share).toBeGreaterThan(0.7);
});
