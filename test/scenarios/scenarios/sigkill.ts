import type { LoadClient } from '../harness/load-client.ts';
import type { Replica } from '../harness/replica.ts';
import type { Outcome, Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const TWICE = 'non-idempotent calls run twice';

/** Between a death and the restart, and between that and the next death, in ms. */
const PAUSE_MS = 350;

/** Long enough for some calls to be under way at each death. */
const DELAY_MS = 60;

export const sigkill: Scenario = {
  name: 'sigkill',
  title: 'SIGKILL of one of three replicas under load, again and again',
  share: 0.25,
  seconds: 40,
  quick: true,
  off: {
    without: 'no retries of reads, and writes passed off as idempotent',
    fails: [FAILED, TWICE],
  },
  stock: STOCK_WORDS,

  async run(stage) {
    const replicas = await stage.servers(3, { behaviour: { delayMs: DELAY_MS } });
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({
      arrivals: [
        { method: 'read', perSecond: 100 },
        { method: 'write', perSecond: 100 },
      ],
    });
    await stage.pause(1_000);
    const kills = stage.choose(20, 5);
    for (let kill = 0; kill < kills; kill++) await killOne(stage, replicas);
    await stage.pause(1_000);
    return outcomeOf(stage, load, kills);
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  if (variant === 'on') return { kind: 'inboard', target };
  return {
    kind: 'inboard',
    target,
    methods: { read: { retry: false }, write: { idempotent: true } },
  };
}

async function killOne(stage: Stage, replicas: readonly Replica[]): Promise<void> {
  const victim = replicas[Math.floor(stage.random() * replicas.length)];
  await victim?.kill();
  await stage.pause(PAUSE_MS);
  await victim?.start();
  await stage.pause(PAUSE_MS);
}

async function outcomeOf(stage: Stage, load: LoadClient, kills: number): Promise<Outcome> {
  const { calls } = await load.stop();
  const ids = await stage.journal();
  const { failed } = calls.idempotent;
  const writes = calls.of('write');
  return {
    checks: [
      { name: FAILED, value: failed.count, atMost: 0 },
      { name: TWICE, value: ids.length - new Set(ids).size, atMost: 0 },
    ],
    notes: [
      `${kills} kills, ${calls.idempotent.count} reads, ${writes.count} writes of which ` +
        `${writes.failed.count} failed with an outcome nobody knows`,
      ...failed.failures(),
    ],
  };
}
