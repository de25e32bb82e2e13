import type { Calls } from '../harness/records.ts';
import { nowMs } from '../harness/monotonic.ts';
import { arrivalsBetween, shareOf } from '../harness/shares.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_NO_RETRY, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const SHARE = 'of picks from 2 s on';
const EARLY = 'failures beyond 5 + in flight';
const LATE = 'of calls failed from 2 s on';

const PER_SECOND = 200;
const DELAY_MS = 15;

export const unavailableRetried: Scenario = {
  name: 'unavailable',
  title: 'one of three answers UNAVAILABLE to all, and calls are retried',
  share: 0.12,
  seconds: 14,
  quick: true,
  off: { without: 'no retries, no ejection, round_robin', fails: [FAILED, SHARE] },
  stock: STOCK_WORDS,

  async run(stage) {
    const { variant } = stage;
    const { calls, share } = await breakOne(stage, (target) => {
      if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
      if (variant === 'on') return { kind: 'inboard', target };
      return {
        kind: 'inboard',
        target,
        channel: { ejection: false, balancer: 'round_robin' },
        defaults: { retry: false },
      };
    });
    return {
      checks: [
        { name: FAILED, value: calls.failed.count, atMost: 0 },
        { name: SHARE, value: share * 100, atMost: 2, unit: ' %', digits: 2 },
      ],
      notes: [`${calls.count} reads`, ...calls.failures()],
    };
  },
};

export const unavailableEjected: Scenario = {
  name: 'unavailable-no-retry',
  title: 'one of three answers UNAVAILABLE to all, and nothing is retried',
  share: 0.12,
  seconds: 14,
  quick: true,
  off: { without: 'no ejection, round_robin', fails: [EARLY, LATE] },
  stock: 'round_robin, no retries',

  async run(stage) {
    const { variant } = stage;
    const { calls, brokenMs, bad } = await breakOne(stage, (target) => {
      if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_NO_RETRY };
      // A breaker would cut the good two off, too, before the bad one is known for what it is.
      const defaults = { retry: false } as const;
      if (variant === 'on') return { kind: 'inboard', target, defaults };
      return {
        kind: 'inboard',
        target,
        defaults,
        channel: { ejection: false, balancer: 'round_robin' },
      };
    });
    const late = calls.between(brokenMs + 2_000);
    return {
      checks: [
        { name: EARLY, value: beyondAllowance(calls, bad), atMost: 0 },
        { name: LATE, value: 100 - late.successRatio * 100, atMost: 0.1, unit: ' %', digits: 2 },
      ],
      notes: [`${calls.failed.count} of ${calls.count} reads failed`, ...calls.failures(1)],
    };
  },
};

interface Broken {
  /** All calls from shortly before the break on. */
  readonly calls: Calls;
  /** Share of the picks from 2 s after the break on that went to the broken one. */
  readonly share: number;
  readonly brokenMs: number;
  /** The name of the broken one. */
  readonly bad: string;
}

/** Puts three servers under load, breaks one of them, and lets that go on for a while. */
async function breakOne(stage: Stage, clientOf: (target: string) => ClientSpec): Promise<Broken> {
  const replicas = await stage.servers(3, { behaviour: { delayMs: DELAY_MS } });
  const [bad] = replicas;
  const load = await stage.load(clientOf(targetOf(replicas)));
  await load.start({ arrivals: [{ method: 'read', perSecond: PER_SECOND }] });
  await stage.pause(2_000);
  await bad?.behave({ delayMs: DELAY_MS, fail: { read: 'UNAVAILABLE' } });
  const brokenMs = nowMs();
  await stage.pause(stage.choose(9_000, 5_000));
  const counts = await Promise.all(replicas.map((replica) => replica.counts()));
  const { calls } = await load.stop();
  const arrivals = arrivalsBetween(counts, brokenMs + 2_000, Number.POSITIVE_INFINITY);
  const name = bad?.name ?? '';
  return { calls, share: shareOf(arrivals, name), brokenMs, bad: name };
}

/**
 * How many failures there were beyond the five in a row that give a server away and those that were
 * on their way to it by then. What it had begun before it broke may still succeed between its first
 * failures: then the row begins anew.
 */
function beyondAllowance(calls: Calls, bad: string): number {
  const failed = calls.failed.records.toSorted((a, b) => endOf(a) - endOf(b));
  const lastGoodMs = calls
    .where(({ server }) => server === bad)
    .records.reduce((last, record) => Math.max(last, endOf(record)), 0);
  const fifth = failed.filter((record) => endOf(record) > lastGoodMs)[4];
  if (fifth === undefined) return 0;
  const knownMs = endOf(fifth);
  return failed.slice(5).filter(({ scheduledMs }) => scheduledMs > knownMs).length;
}

function endOf({ scheduledMs, latencyMs }: { scheduledMs: number; latencyMs: number }): number {
  return scheduledMs + latencyMs;
}
