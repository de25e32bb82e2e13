import { describe, expect, test } from 'vitest';

import type { ChannelOptions } from '../../src/index.ts';
import { ConfigError, createChannel, createClient, Status } from '../../src/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { failing, memoryFleet, never, turn } from './memory-fleet.ts';

describe('a policy changed while calls go on', () => {
  test('swaps the balancer, and keeps connections and what is known', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'round_robin' });
    fleet.on(0, never);
    const stuck = [fleet.attempt(), fleet.attempt(), fleet.attempt()];
    const answered = stuck.filter(({ call }) => call.endpoint !== fleet.addresses[0]);
    await Promise.all(answered.map(({ ended }) => ended));
    fleet.channel.configure({ balancer: 'least_request' });
    const { balancer, endpoints } = fleet.channel.snapshot();
    expect(balancer).toBe('least_request');
    expect(endpoints.map(({ inFlight, state }) => [inFlight, state])).toEqual([
      [1, 'ready'],
      [0, 'ready'],
      [0, 'ready'],
    ]);
    expect((await fleet.share(20))[fleet.addresses[0] ?? '']).toBe(0);
    for (const { call } of stuck) call.cancel({ code: Status.CANCELLED, details: 'enough' });
    await Promise.all(stuck.map(({ ended }) => ended));
  });

  test('goes from all connections to one, and back', async () => {
    await using fleet = await memoryFleet(3);
    const ready = (): number =>
      fleet.channel.snapshot().endpoints.filter(({ state }) => state === 'ready').length;
    expect(ready()).toBe(3);
    fleet.channel.configure({ balancer: 'pick_first' });
    expect(ready()).toBe(1);
    expect(Object.values(await fleet.share(10)).toSorted((a, b) => a - b)).toEqual([0, 0, 10]);
    fleet.channel.configure({});
    await turn();
    expect(ready()).toBe(3);
    expect(fleet.channel.snapshot().balancer).toBe('peak_ewma');
  });

  test('turns ejection off and on: whoever was ejected is back', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'round_robin' });
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot().endpoints[0]?.ejectedUntilMs).toBeGreaterThan(0);
    fleet.channel.configure({ ejection: false, slowStart: false });
    expect(fleet.channel.snapshot().endpoints[0]?.ejectedUntilMs).toBeUndefined();
    expect((await fleet.share(30))[fleet.addresses[0] ?? '']).toBe(10);
    fleet.channel.configure({ ejection: { consecutiveFailures: 2 } });
    await fleet.share(30);
    expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ ejections: 2 });
    expect(fleet.channel.snapshot().endpoints[0]?.ejectedUntilMs).toBeGreaterThan(0);
  });

  test('bounds retries, or does not', async () => {
    await using fleet = await memoryFleet(1, { retryBudget: { perSecond: 2 } });
    const budget = fleet.channel.retryBudget;
    expect(fleet.channel.snapshot().retryBudget).toBe(20);
    fleet.channel.configure({ retryBudget: { perSecond: 1 } });
    expect(fleet.channel.retryBudget).toBe(budget);
    expect(fleet.channel.snapshot().retryBudget).toBe(10);
    fleet.channel.configure({ retryBudget: false });
    expect(fleet.channel.retryBudget).toBeUndefined();
    expect(fleet.channel.snapshot().retryBudget).toBeUndefined();
    fleet.channel.configure({});
    expect(fleet.channel.snapshot().retryBudget).toBe(20);
  });

  test('is laid over what the channel was made with', async () => {
    await using fleet = await memoryFleet(3, { balancer: 'round_robin', ejection: { baseMs: 7 } });
    fleet.channel.configure({ ejection: { jitter: 0 } });
    fleet.on(0, failing(Status.UNAVAILABLE));
    await fleet.share(50);
    expect(fleet.channel.snapshot()).toMatchObject({
      balancer: 'round_robin',
      endpoints: [{ ejectedUntilMs: 7 }, {}, {}],
    });
  });

  test('changes nothing where a value is wrong', async () => {
    await using fleet = await memoryFleet(2);
    const wrong = { balancer: 'round_robin', ejection: { maxPercent: 200 } } as const;
    expect(() => fleet.channel.configure(wrong)).toThrow(/ejection\.maxPercent/);
    expect(fleet.channel.snapshot().balancer).toBe('peak_ewma');
  });

  test('does nothing any more once the channel is closed', async () => {
    await using fleet = await memoryFleet(2);
    fleet.channel.close();
    fleet.channel.configure({ balancer: 'pick_first' });
    await turn();
    expect(fleet.runtime.clock.pending).toBe(0);
  });
});

describe('options that make no policy', () => {
  test.each<[string, ChannelOptions]>([
    ['balancer', { balancer: 'random' as never }],
    ['ejection.baseMs', { ejection: { baseMs: -1 } }],
    ['ejection', { ejection: true as never }],
    ['ejection.bases', { ejection: { bases: 1 } as never }],
    ['slowStart.windowMs', { slowStart: { windowMs: 0 } }],
    ['retryBudget.ratio', { retryBudget: { ratio: -1 } }],
    ['healthCheck lacks service', { healthCheck: {} as never }],
    ['ejections', { ejections: {} } as ChannelOptions],
  ])('%s', (key, options) => {
    expect(() => createChannel('localhost:1', options)).toThrow(ConfigError);
    expect(() => createChannel('localhost:1', options)).toThrow(key);
    expect(() => createClient(ShapesServiceDefinition, 'localhost:1', options)).toThrow(key);
  });
});

describe('what a channel tells', () => {
  test('of an endpoint it cannot reach, and of names it cannot resolve', async () => {
    await using fleet = await memoryFleet(2);
    const [first = ''] = fleet.addresses;
    fleet.net.refuse(first);
    fleet.net.break(first);
    fleet.runtime.clock.advance(1_500);
    await turn();
    fleet.names.fail('the name service is down');
    expect(fleet.channel.snapshot()).toMatchObject({
      target: 'manual:///shop',
      resolutionError: 'the name service is down',
      panic: false,
      endpoints: [
        { address: first, state: 'backoff', failure: expect.stringContaining(first) as string },
        { state: 'ready', failure: undefined, healthy: true, weight: 1 },
      ],
    });
    expect(await fleet.attempt().ended).toBe(Status.OK);
  });

  test('when an endpoint turns ready', async () => {
    await using fleet = await memoryFleet(2, {}, 1);
    let ups = 0;
    const stop = fleet.channel.onEndpointUp(() => ups++);
    fleet.names.set(fleet.addresses);
    await turn();
    expect(ups).toBe(1);
    fleet.net.break(fleet.addresses[0] ?? '');
    expect(ups).toBe(1);
    fleet.runtime.clock.advance(1_500);
    await turn();
    expect(ups).toBe(2);
    stop();
    fleet.net.break();
    fleet.runtime.clock.advance(1_600);
    await turn();
    expect(ups).toBe(2);
  });

  test('of a list that is empty for good', async () => {
    await using fleet = await memoryFleet(1);
    fleet.names.set([]);
    const { ended } = fleet.attempt();
    expect(await ended).toBe(Status.UNAVAILABLE);
    expect(fleet.channel.snapshot()).toMatchObject({
      endpoints: [],
      resolutionError: expect.stringContaining('no endpoint') as string,
    });
    fleet.names.set(fleet.addresses);
    await turn();
    expect(await fleet.attempt().ended).toBe(Status.OK);
  });
});
