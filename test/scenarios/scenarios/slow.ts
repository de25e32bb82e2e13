import { nowMs } from '../harness/monotonic.ts';
import type { Check, Outcome, Scenario } from '../harness/scenario.ts';
import { arrivalsBetween, shareOf } from '../harness/shares.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const SHARE = 'of picks from 2 s on';
const P99 = 'p99 against all-healthy';
const HEALTHY = 'p99 all-healthy';
const FAILED = 'reads failed';

const PER_SECOND = 200;
/** Long against what a busy machine adds. */
const DELAY_MS = 50;

export const slow: Scenario = {
  name: 'slow',
  title: 'one of three is ten times slower',
  share: 1,
  seconds: 14,
  // Hangs on the tail of latencies, which other tests beside it would bend.
  quick: false,
  exact: true,
  off: { without: 'round_robin in place of peak_ewma', fails: [SHARE, P99] },
  stock: STOCK_WORDS,

  async run(stage) {
    const { share, ratio, healthy, failed, notes } = await slowOne(stage, (target) => {
      if (stage.variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
      if (stage.variant === 'on') return { kind: 'inboard', target };
      return { kind: 'inboard', target, channel: { balancer: 'round_robin' } };
    });
    return {
      checks: [
        { name: SHARE, value: share * 100, atMost: 5, unit: ' %', digits: 2 },
        { name: P99, value: ratio, atMost: 1.5, unit: ' ×', digits: 2 },
        healthy,
        failed,
      ],
      notes,
    };
  },
};

export const slowHedged: Scenario = {
  name: 'slow-hedged',
  title: 'one of three is ten times slower, and reads are hedged',
  share: 1,
  seconds: 14,
  quick: false,
  exact: true,
  off: { without: 'no hedging, round_robin', fails: [P99] },
  stock: 'round_robin, hedgingPolicy of 3 attempts after 100 ms',

  async run(stage) {
    const { ratio, healthy, failed, notes } = await slowOne(stage, (target) => {
      if (stage.variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_HEDGED };
      if (stage.variant === 'on') return { kind: 'inboard', target, defaults: { hedge: {} } };
      return { kind: 'inboard', target, channel: { balancer: 'round_robin' } };
    });
    return {
      checks: [{ name: P99, value: ratio, atMost: 1.2, unit: ' ×', digits: 2 }, healthy, failed],
      notes,
    };
  },
};

const STOCK_HEDGED: object = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: 'inboard.testing.v1.LabService', method: 'Read' }],
      hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0.100s', nonFatalStatusCodes: [] },
    },
  ],
};

interface Slowed {
  readonly share: number;
  /** The p99 with a slow server against the one without, of the same run. */
  readonly ratio: number;
  /** What it is held against must be what healthy servers give, or it says nothing. */
  readonly healthy: Check;
  readonly failed: Check;
  readonly notes: Outcome['notes'];
}

/** Measures three healthy servers, makes one of them slow, and measures again. */
async function slowOne(stage: Stage, clientOf: (target: string) => ClientSpec): Promise<Slowed> {
  const replicas = await stage.servers(3, { behaviour: { delayMs: DELAY_MS } });
  const [bad] = replicas;
  const load = await stage.load(clientOf(targetOf(replicas)));
  await load.start({ arrivals: [{ method: 'read', perSecond: PER_SECOND }] });
  await stage.pause(1_500);
  const healthyMs = nowMs();
  await stage.pause(stage.choose(4_000, 3_000));
  await bad?.behave({ delayMs: DELAY_MS * 10 });
  const slowMs = nowMs();
  await stage.pause(stage.choose(7_000, 5_000));
  const counts = await Promise.all(replicas.map((replica) => replica.counts()));
  const { calls } = await load.stop();
  // Calls that were under way when the server turned slow belong to neither.
  const before = calls.between(healthyMs, slowMs - 100);
  const after = calls.between(slowMs + 2_000);
  const arrivals = arrivalsBetween(counts, slowMs + 2_000, Number.POSITIVE_INFINITY);
  const share = shareOf(arrivals, bad?.name ?? '');
  const [p99Before, p99After] = [before.quantile(0.99), after.quantile(0.99)];
  return {
    share,
    ratio: p99After / p99Before,
    // The longest call takes 1.5 times the mean; a third of that for all else.
    healthy: { name: HEALTHY, value: p99Before, atMost: 2 * DELAY_MS, unit: ' ms' },
    failed: { name: FAILED, value: calls.failed.count, atMost: 0 },
    notes: [
      `p99 ${p99Before.toFixed(1)} ms healthy, ${p99After.toFixed(1)} ms with one slow; ` +
        `${before.count} and ${after.count} reads, ${calls.failed.count} failed; the slow one got ` +
        `${(share * 100).toFixed(2)} % of the picks`,
      ...calls.failures(),
    ],
  };
}
