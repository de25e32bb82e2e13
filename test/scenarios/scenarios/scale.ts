import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ChannelSnapshot } from '../../../src/channel/channel-snapshot.ts';
import { Dnsmasq, NAME } from '../harness/dnsmasq.ts';
import type { LoadClient } from '../harness/load-client.ts';
import { nowMs } from '../harness/monotonic.ts';
import type { Replica } from '../harness/replica.ts';
import type { Outcome, Scenario } from '../harness/scenario.ts';
import { arrivalsBetween, worstDeviation } from '../harness/shares.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const UP = 'off the fair share, 10 s after 3 became 6';
const DOWN = 'off the fair share, 10 s after 6 became 3';

/** Long against what a busy machine adds, which a balancer by latency would follow. */
const BEHAVIOUR = { delayMs: 30 };

const PER_SECOND = 300;
/** From the news to when each must have its share. */
const SETTLE_MS = 10_000;
/** Long enough for 500 calls to each of six, whose number then varies by about 4 % by chance. */
const MEASURE_MS = 10_000;
/** How long the news may take to come; a resolver that never asks again never hears it. */
const NEWS_LIMIT_MS = 8_000;

/** Where the list of servers stands, and how it changes. */
interface Directory {
  readonly target: string;
  readonly publish: (replicas: readonly Replica[]) => Promise<void>;
}

export const scaleFile: Scenario = {
  name: 'scale-file',
  title: 'three servers become six and three again, told by a file',
  share: 0.16,
  seconds: 48,
  quick: false,
  off: { without: 'the file is read once', fails: [UP] },
  stock: `${STOCK_WORDS}; a fixed list, since grpc-js watches no file`,

  async run(stage) {
    const replicas = await stage.servers(6, { behaviour: BEHAVIOUR });
    const file = join(await stage.folder(), 'endpoints');
    const publish = (some: readonly Replica[]): Promise<void> =>
      writeFile(file, some.map(({ address }) => `${address}\n`).join(''));
    await publish(replicas.slice(0, 3));
    const target = stage.variant === 'stock' ? targetOf(replicas.slice(0, 3)) : `file://${file}`;
    return scale(stage, replicas, { target, publish });
  },
};

export const scaleDns: Scenario = {
  name: 'scale-dns',
  title: 'three servers become six and three again, told by DNS (dnsmasq)',
  share: 0.16,
  seconds: 48,
  quick: false,
  needs: 'dnsmasq',
  off: { without: 'the name is looked up once', fails: [UP] },
  stock: `${STOCK_WORDS}; the same DNS server`,

  async run(stage) {
    const hosts = Array.from({ length: 6 }, (_each, index) => `127.0.0.${index + 2}`);
    const port = await stage.ports.take(...hosts);
    const replicas = await Promise.all(
      hosts.map((host) => stage.server({ address: `${host}:${port}`, behaviour: BEHAVIOUR })),
    );
    const dns = await Dnsmasq.start(stage, hosts.slice(0, 3));
    return scale(stage, replicas, {
      target: `dns://${dns.address}/${NAME}:${port}`,
      publish: (some) => dns.serve(some.map(({ address }) => address.split(':')[0] ?? '')),
    });
  },
};

async function scale(
  stage: Stage,
  replicas: readonly Replica[],
  { target, publish }: Directory,
): Promise<Outcome> {
  const { variant } = stage;
  const load = await stage.load(
    variant === 'stock'
      ? { kind: 'stock', target, serviceConfig: STOCK_CONFIG }
      : { kind: 'inboard', target, resolver: variant === 'on' ? 'prompt' : 'once' },
  );
  await load.start({ arrivals: [{ method: 'read', perSecond: PER_SECOND }] });
  await stage.pause(2_000);
  const three = replicas.slice(0, 3);
  await publish(replicas);
  const heardUpMs = await untilHeard(stage, load, 6);
  const up = await deviation(stage, replicas);
  await publish(three);
  const heardDownMs = await untilHeard(stage, load, 3);
  const down = await deviation(stage, three);
  const { calls } = await load.stop();
  return {
    checks: [
      { name: FAILED, value: calls.failed.count, atMost: 0 },
      { name: UP, value: up * 100, atMost: 20, unit: ' %', digits: 1 },
      { name: DOWN, value: down * 100, atMost: 20, unit: ' %', digits: 1 },
    ],
    notes: [
      `${calls.count} reads; the news took ${heardUpMs.toFixed(0)} and ${heardDownMs.toFixed(0)} ms`,
      ...calls.failures(),
    ],
  };
}

/** Waits until the channel knows so many endpoints, or for as long as that may take, in ms. */
async function untilHeard(stage: Stage, load: LoadClient, count: number): Promise<number> {
  const startMs = nowMs();
  while (nowMs() - startMs < NEWS_LIMIT_MS) {
    const snapshot = (await load.snapshot()) as ChannelSnapshot | undefined;
    if (snapshot?.endpoints.length === count) break;
    await stage.pause(50);
  }
  return nowMs() - startMs;
}

/** How far the one furthest from its fair share is from it, from 10 s after the news on. */
async function deviation(stage: Stage, replicas: readonly Replica[]): Promise<number> {
  await stage.pause(SETTLE_MS);
  const fromMs = nowMs();
  await stage.pause(MEASURE_MS);
  const counts = await Promise.all(replicas.map((replica) => replica.counts()));
  return worstDeviation(arrivalsBetween(counts, fromMs, nowMs()));
}
