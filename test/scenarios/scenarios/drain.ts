import { Status } from '../../../src/index.ts';
import type { StreamRecord } from '../harness/records.ts';
import type { Replica } from '../harness/replica.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec, DrainSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const CUT_OFF = 'streams cut off';
const CALLS = 'calls';
const LONGEST = 'longest drain beyond propagation';

const PROPAGATION_MS = 300;

/** How long calls and streams in flight may take; far more than they need. */
const GRACE_MS = 10_000;

const DRAINS: Readonly<Record<Stage['variant'], DrainSpec>> = {
  on: { propagationMs: PROPAGATION_MS, graceMs: GRACE_MS },
  // What a program does that just closes its server.
  off: { propagationMs: 0, graceMs: 0 },
  // What a user of grpc-js adds to tryShutdown, so that an open stream does not hold it for ever.
  stock: { graceMs: 3_000 },
};

export const drain: Scenario = {
  name: 'drain',
  title: 'SIGTERM drains each replica in turn, round after round, streams and Health.Watch open',
  // Alone: each of its fifteen restarts takes a core. Two at a time took twice as long, and on a slow
  // machine their callers were late for everything.
  share: 0.9,
  seconds: 38,
  quick: true,
  off: { without: 'no drain: the server closes at once', fails: [FAILED, CUT_OFF] },
  stock: `server: tryShutdown, forced after 3 s; client: ${STOCK_WORDS}`,

  async run(stage) {
    const { variant } = stage;
    const replicas = await stage.servers(3, {
      kind: variant === 'stock' ? 'stock' : 'inboard',
      // Long enough for some calls to be under way at each drain.
      behaviour: { delayMs: 20 },
      drain: DRAINS[variant],
    });
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({
      arrivals: [
        { method: 'read', perSecond: 400 },
        { method: 'price', perSecond: 400 },
      ],
      follow: 6,
      ...(variant !== 'stock' && { watchHealth: replicas.map(({ address }) => address) }),
    });
    await stage.pause(1_000);
    const drains: number[] = [];
    // A drain that has to be forced takes long: two rounds of those tell enough.
    const rounds = stage.choose(variant === 'stock' ? 2 : 5, 1);
    for (let round = 0; round < rounds; round++) {
      for (const replica of replicas) drains.push(await drainOne(stage, replica));
    }
    await stage.pause(1_000);
    const { calls, streams } = await load.stop();
    const cutOff = streams.filter(isCutOff);
    const propagationMs = variant === 'on' ? PROPAGATION_MS : 0;
    return {
      checks: [
        { name: FAILED, value: calls.failed.count, atMost: 0 },
        { name: CUT_OFF, value: cutOff.length, atMost: 0 },
        { name: CALLS, value: calls.count, atLeast: stage.choose(20_000, 2_000) },
        { name: LONGEST, value: Math.max(...drains) - propagationMs, atMost: 2_000, unit: ' ms' },
      ],
      notes: [
        `${drains.length} drains; ${calls.of('price').failed.count} of the failed calls were of ` +
          `the method that is not retried; ${streams.length} streams and watches ended`,
        ...calls.failures(),
        ...cutOff
          .slice(0, 3)
          .map(({ kind, code, details }) => `${kind}: ${Status[code]}: ${details}`),
      ],
    };
  },
};

/** One method is retried, the other one is not: draining alone must lose nothing. */
function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  return {
    kind: 'inboard',
    target,
    channel: { healthCheck: { service: '' } },
    methods: { price: { retry: false } },
  };
}

/** Drains one and starts it again; resolves to how long it took to end, in ms. */
async function drainOne(stage: Stage, replica: Replica): Promise<number> {
  const { tookMs, code, signal } = await replica.terminate();
  if (code !== 0)
    throw new Error(`${replica.name} did not end well: ${signal ?? `exit code ${code}`}`);
  await stage.pause(100);
  await replica.start();
  await stage.pause(400);
  return tookMs;
}

/** A stream that had begun ends well when it finishes or is told in time to begin elsewhere. */
function isCutOff({ messages, code, details }: StreamRecord): boolean {
  if (messages === 0 || code === Status.OK) return false;
  return code !== Status.UNAVAILABLE || !/is draining|is shutting down/.test(details);
}
