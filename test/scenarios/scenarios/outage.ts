import { nowMs } from '../harness/monotonic.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const ATTEMPTS = 'attempts a call';
const SUCCESS = 'of calls succeed from 6 s after their return';

const PER_SECOND = 200;
const DOWN_MS = 20_000;

/** The default budget: a fifth of the calls, and ten a second on top. */
const BUDGET = { ratio: 0.2, perSecond: 10 };

export const outage: Scenario = {
  name: 'outage',
  title: 'all three down for 20 s, load unchanged, then back',
  share: 0.1,
  seconds: 45,
  quick: false,
  off: { without: 'no retry budget, no breaker', fails: [ATTEMPTS] },
  stock: STOCK_WORDS,

  async run(stage) {
    const replicas = await stage.servers(3);
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({ arrivals: [{ method: 'read', perSecond: PER_SECOND }] });
    await stage.pause(4_000);
    await Promise.all(replicas.map((replica) => replica.kill()));
    const downMs = nowMs();
    await stage.pause(DOWN_MS);
    await Promise.all(replicas.map((replica) => replica.start()));
    const backMs = nowMs();
    await stage.pause(14_000);
    const { calls } = await load.stop();
    const during = calls.between(downMs, backMs);
    const after = calls.between(backMs + 6_000);
    const attemptsPerCall = during.attempts / during.count;
    return {
      checks: [
        {
          name: ATTEMPTS,
          value: attemptsPerCall > 0 ? attemptsPerCall : undefined,
          atMost: 1 + BUDGET.ratio + BUDGET.perSecond / PER_SECOND,
          digits: 2,
        },
        { name: SUCCESS, value: after.successRatio * 100, atLeast: 99, unit: ' %', digits: 2 },
      ],
      notes: [
        `${during.count} reads while down, ${during.failed.count} failed; first success ` +
          `${firstSuccessMs(calls.between(backMs).records, backMs).toFixed(0)} ms after their return`,
        ...after.failures(),
      ],
    };
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  if (variant === 'on') return { kind: 'inboard', target };
  return {
    kind: 'inboard',
    target,
    channel: { retryBudget: false },
    defaults: { breaker: false },
  };
}

function firstSuccessMs(
  records: readonly { readonly scheduledMs: number; readonly code: number }[],
  fromMs: number,
): number {
  const good = records.filter(({ code }) => code === 0).map(({ scheduledMs }) => scheduledMs);
  return Math.min(...good) - fromMs;
}
