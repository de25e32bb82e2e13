import type { AddressInfo } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';

import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Channel, Transport } from '../../src/index.ts';
import { createChannel, createServer } from '../../src/index.ts';
import { Redial } from '../../src/channel/redial.ts';
import {
  faultyTransport,
  inMemoryTransport,
  ManualClock,
  seededRandom,
  testRuntime as manualRuntime,
} from '../../src/testing/index.ts';
import { testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { memoryFleet, turn } from './memory-fleet.ts';

/** The most dials that any 100 ms saw. */
function peak(dialsMs: readonly number[]): number {
  const sorted = dialsMs.toSorted((a, b) => a - b);
  return Math.max(0, ...sorted.map((at, i) => sorted.slice(i).filter((b) => b < at + 100).length));
}

describe.each([1, 2, 3])('100 clients of one server, seed %i', (seed) => {
  /** The times of all dials after the server went away for `downMs`. */
  const dialsAfterRestart = async (downMs: number): Promise<number[]> => {
    const clock = new ManualClock();
    const random = seededRandom(seed);
    const runtime = manualRuntime({ clock, random });
    const net = faultyTransport(inMemoryTransport());
    const dialsMs: number[] = [];
    const transport: Transport = {
      name: 'counting',
      local: true,
      connect: (...given) => {
        dialsMs.push(clock.now());
        return net.connect(...given);
      },
      listen: (...given) => net.listen(...given),
    };
    await using server = createServer({ runtime, transport }).add(ShapesServiceDefinition, shapes);
    const { address } = await server.listen('127.0.0.1:0');
    const channels: Channel[] = [];
    for (let i = 0; i < 100; i++) {
      const channel = createChannel(`static:///${address}`, { runtime, transport });
      channel.connect();
      channels.push(channel);
    }
    await turn();
    // All connect at once when they are made: a fresh channel has calls that wait.
    expect(dialsMs).toHaveLength(100);
    clock.advance(20_000);
    dialsMs.length = 0;
    net.refuse();
    net.break();
    clock.advance(0);
    await turn();
    for (let ms = 0; ms < downMs + 8_000; ms += 10) {
      if (ms === downMs) net.heal();
      clock.advance(10);
      await turn();
    }
    expect(channels.map((channel) => channel.snapshot().endpoints[0]?.state)).toEqual(
      channels.map(() => 'ready'),
    );
    for (const channel of channels) await channel[Symbol.asyncDispose]();
    return dialsMs;
  };

  test('never dial in a burst when it restarts at once', async () => {
    const dials = await dialsAfterRestart(0);
    expect(dials).toHaveLength(100);
    expect(peak(dials)).toBeLessThanOrEqual(20);
  });

  test('nor in the second round, when it was still away in the first', async () => {
    const dials = await dialsAfterRestart(2_000);
    expect(dials.length).toBeGreaterThan(150);
    expect(peak(dials)).toBeLessThanOrEqual(20);
  });
});

describe('redials', () => {
  test('begin at a random time after a connection that worked', () => {
    expect(new Redial(() => 0).afterLossMs(60_000)).toBe(0);
    expect(new Redial(() => 0.5).afterLossMs(60_000)).toBe(750);
  });

  test('come later where connections work but soon break, until one lasts', () => {
    const redial = new Redial(() => 0.5);
    const waits = Array.from({ length: 9 }, () => redial.afterLossMs(100));
    expect(waits).toEqual([750, 770, 790, 830, 910, 1_070, 1_390, 1_750, 1_750]);
    expect(redial.afterLossMs(1_000)).toBe(750);
  });

  test('back off by 1.6 from 1 s, up to 5 s where calls want it and to 120 s else', () => {
    const wanted = new Redial(() => 0.5);
    const waits = Array.from({ length: 6 }, () => Math.round(wanted.afterFailureMs(true)));
    expect(waits).toEqual([1_000, 1_600, 2_560, 4_096, 4_500, 4_500]);
    const unwanted = new Redial(() => 0.5);
    const longer = Array.from({ length: 13 }, () => Math.round(unwanted.afterFailureMs(false)));
    expect(longer[5]).toBe(10_486);
    expect(longer.at(-1)).toBe(120_000);
  });

  test('come nearer where calls find no other endpoint ready', () => {
    const redial = new Redial(() => 0.5);
    expect(redial.whenAloneMs(4_096)).toBe(1_500);
    expect(redial.whenAloneMs(1_600)).toBe(1_600);
  });

  test('start over only after a healthy period', () => {
    const redial = new Redial(() => 0.5);
    for (let i = 0; i < 3; i++) redial.afterFailureMs(true);
    redial.afterLossMs(500);
    expect(redial.afterFailureMs(true)).toBeCloseTo(4_096);
    redial.afterLossMs(1_000);
    // Not 1 s: the first round of dials of other clients takes 1.5 s.
    expect(redial.afterFailureMs(true)).toBe(1_500);
    expect(redial.afterFailureMs(true)).toBe(1_600);
  });
});

test('a call brings a far-off redial nearer', async () => {
  await using fleet = await memoryFleet(1);
  const { clock } = fleet.runtime;
  fleet.net.refuse();
  fleet.net.break();
  // Nobody calls for a long time: redials become rare.
  for (let i = 0; i < 60; i++) {
    clock.advance(10_000);
    await turn();
  }
  fleet.net.heal();
  const { ended } = fleet.attempt((call) => {
    call.waitForReady = true;
  });
  clock.advance(5_000);
  await turn();
  expect(await ended).toBe(0);
});

test('20 clients over sockets, whose server drops them all, are spread out', async () => {
  const accepted: number[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const runtime = testRuntime();
  await using server = createServer({ runtime }).add(ShapesServiceDefinition, shapes);
  const { port } = await server.listen('127.0.0.1:0');
  const relay = createTcpServer((near) => {
    accepted.push(performance.now());
    const far = connect(port, '127.0.0.1');
    sockets.add(near).add(far);
    near.on('error', () => undefined).on('close', () => far.destroy());
    far.on('error', () => undefined).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => relay.once('listening', resolve));
  const target = `static:///127.0.0.1:${(relay.address() as AddressInfo).port}`;
  const channels = Array.from({ length: 20 }, () => createChannel(target, { runtime }));
  const ready = (): number =>
    channels.filter((channel) => channel.snapshot().endpoints[0]?.state === 'ready').length;
  for (const channel of channels) channel.connect();
  await expect.poll(ready, { timeout: 5_000 }).toBe(20);
  accepted.length = 0;
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => accepted.length, { timeout: 5_000 }).toBe(20);
  await expect.poll(ready, { timeout: 5_000 }).toBe(20);
  expect(peak(accepted)).toBeLessThan(10);
  for (const channel of channels) await channel[Symbol.asyncDispose]();
  await new Promise((resolve) => relay.close(resolve));
});
