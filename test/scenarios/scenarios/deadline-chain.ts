import type { Scenario } from '../harness/scenario.ts';
import { targetOf } from '../harness/stage.ts';

const STARTED = 'latest start of a handler after expiry';
const OVER = 'latest end of work after expiry';

export const deadlineChain: Scenario = {
  name: 'deadline-chain',
  title: 'three servers in a chain, and the deadline ends at the second',
  share: 1,
  seconds: 10,
  quick: true,
  exact: true,
  off: { without: 'calls made in a handler inherit nothing', fails: [STARTED, OVER] },
  stock: 'servers and clients of grpc-js, cancellation observed, no deadline handed on by hand',

  async run(stage) {
    const kind = stage.variant === 'stock' ? 'stock' : 'inboard';
    const inherits = stage.variant !== 'off';
    const leaf = await stage.server({ kind, inherits });
    const middle = await stage.server({ kind, inherits, next: targetOf([leaf]) });
    const gateway = await stage.server({ kind, inherits, next: targetOf([middle]) });
    const target = targetOf([gateway]);
    const load = await stage.load(
      // A breaker would end the lesson: many of these calls fail on purpose.
      kind === 'stock' ? { kind, target } : { kind, target, defaults: { breaker: false } },
    );
    await load.start({
      arrivals: [
        {
          method: 'relay',
          perSecond: 60,
          // Some end in the second server's work, some after it, most in time.
          timeoutMs: [50, 200],
          workMs: [
            [0, 10],
            [20, 120],
            [0, 40],
          ],
        },
      ],
    });
    await stage.pause(stage.choose(8_000, 5_000));
    const { calls } = await load.stop();
    // Work that nobody waits for any more may still go on.
    await stage.pause(500);
    const counts = await Promise.all([leaf, middle, gateway].map((server) => server.counts()));
    const relays = counts.flatMap((each) => each.relays);
    const [, atMiddle] = counts;
    const expired = atMiddle?.relays.filter(({ overMs }) => overMs > -5).length ?? 0;
    return {
      checks: [
        {
          name: STARTED,
          value: latest(relays.map(({ startedMs }) => startedMs)),
          atMost: 20,
          unit: ' ms',
        },
        { name: OVER, value: latest(relays.map(({ overMs }) => overMs)), atMost: 50, unit: ' ms' },
        { name: 'expired at the second server', value: expired, atLeast: 30 },
      ],
      notes: [`${calls.count} calls, ${relays.length} handlers ran`],
    };
  },
};

/** No later than the expiry is as good as at the expiry. */
function latest(timesMs: readonly number[]): number {
  return Math.max(0, ...timesMs);
}
