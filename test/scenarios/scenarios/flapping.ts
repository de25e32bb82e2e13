import type { ChannelSnapshot } from '../../../src/channel/channel-snapshot.ts';
import type { LoadClient } from '../harness/load-client.ts';
import { nowMs } from '../harness/monotonic.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const SUCCESS = 'of calls succeed';
const GROWING = 'ejections at the start, each longer than the one before';

const PHASE_MS = 5_000;
const LOOK_EVERY_MS = 100;

export const flapping: Scenario = {
  name: 'flapping',
  title: 'one of three is good for 5 s and bad for 5 s, over and over',
  share: 0.1,
  seconds: 44,
  quick: false,
  off: { without: 'no ejection, no retries', fails: [SUCCESS, GROWING] },
  stock: STOCK_WORDS,

  async run(stage) {
    const replicas = await stage.servers(3);
    const [bad] = replicas;
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({ arrivals: [{ method: 'read', perSecond: 150 }] });
    const ejections = new Map<number, number>();
    await watchEjections(stage, load, ejections, 2_000);
    for (let cycle = 0; cycle < 4; cycle++) {
      await bad?.behave({ delayMs: 5, fail: { read: 'UNAVAILABLE' } });
      await watchEjections(stage, load, ejections, PHASE_MS);
      await bad?.behave({ delayMs: 5 });
      await watchEjections(stage, load, ejections, PHASE_MS);
    }
    const { calls } = await load.stop();
    const lengths = [...ejections.values()];
    return {
      checks: [
        { name: SUCCESS, value: calls.successRatio * 100, atLeast: 99.9, unit: ' %', digits: 2 },
        {
          name: GROWING,
          value: stage.variant === 'stock' ? undefined : growing(lengths),
          atLeast: 3,
        },
      ],
      notes: [
        `${calls.count} reads; ejected for ${lengths.map((ms) => (ms / 1_000).toFixed(1)).join(', ')} s`,
        ...calls.failures(),
      ],
    };
  },
};

/**
 * Ejections shorter than the default, so that the run sees several, and servers in turn: a
 * balancer that avoids the bad one would leave nothing to eject.
 */
function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  const balancer = 'round_robin';
  if (variant === 'on') {
    return { kind: 'inboard', target, channel: { balancer, ejection: { baseMs: 3_000 } } };
  }
  const channel = { balancer, ejection: false } as const;
  return { kind: 'inboard', target, channel, defaults: { retry: false } };
}

/**
 * How many grow from the first on. From the fourth on chance may make one shorter: the jitter is
 * a fifth, and four times the base less a fifth is less than three times the base and a fifth.
 */
function growing(lengths: readonly number[]): number {
  const end = lengths.findIndex((length, index) => length <= (lengths[index - 1] ?? 0));
  return end === -1 ? lengths.length : end;
}

/** Notes for how long the endpoint is ejected each time, by the number of the ejection. */
async function watchEjections(
  stage: Stage,
  load: LoadClient,
  ejections: Map<number, number>,
  durationMs: number,
): Promise<void> {
  const endMs = nowMs() + durationMs;
  while (nowMs() < endMs) {
    const snapshot = (await load.snapshot()) as ChannelSnapshot | undefined;
    for (const { ejections: count, ejectedUntilMs } of snapshot?.endpoints ?? []) {
      if (ejectedUntilMs === undefined) continue;
      ejections.set(count, Math.max(ejections.get(count) ?? 0, ejectedUntilMs));
    }
    await stage.pause(LOOK_EVERY_MS);
  }
}
