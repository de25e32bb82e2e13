import { nowMs } from '../harness/monotonic.ts';
import { densest } from '../harness/records.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_NO_RETRY } from '../harness/stock-config.ts';

const PEAK = 'peak dials in 100 ms';
const BACK = 'calls failed in the last 3 s';

const CLIENTS = 100;
const PROCESSES = 2;

export const reconnect: Scenario = {
  name: 'reconnect',
  title: '100 clients lose their server, which comes back after 3 s',
  share: 0.2,
  seconds: 22,
  quick: false,
  exact: true,
  off: { without: 'no randomness: all clients wait alike', fails: [PEAK] },
  stock: 'round_robin',

  async run(stage) {
    const server = await stage.server({ behaviour: { delayMs: 1 } });
    const spec = clientOf(stage, targetOf([server]));
    const loads = await Promise.all(Array.from({ length: PROCESSES }, () => stage.load(spec)));
    // Every client calls twice a second: all of them want their server.
    const arrivals = [{ method: 'read', perSecond: (2 * CLIENTS) / PROCESSES }] as const;
    await Promise.all(loads.map((load) => load.start({ arrivals })));
    await stage.pause(stage.choose(12_000, 4_000));
    const killedMs = nowMs();
    await server.kill();
    await stage.pause(3_000);
    await server.start();
    await stage.pause(8_000);
    const counts = await server.counts();
    const dials = (await Promise.all(loads.map((load) => load.dials()))).flat();
    const results = await Promise.all(loads.map((load) => load.stop()));
    const last = results.map(({ calls }) => calls.between(nowMs() - 3_000));
    return {
      checks: [
        {
          name: PEAK,
          value: densest(
            dials.filter((time) => time > killedMs),
            100,
          ),
          atMost: 20,
        },
        { name: BACK, value: last.reduce((sum, calls) => sum + calls.failed.count, 0), atMost: 0 },
      ],
      notes: [
        timeline(dials, killedMs),
        `${dials.filter((time) => time > killedMs).length} dials; accepted after the restart: ` +
          `${counts.accepted.length}, at most ${densest(counts.accepted, 100)} in 100 ms`,
      ],
    };
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  const count = CLIENTS / PROCESSES;
  if (variant === 'stock') return { kind: 'stock', target, count, serviceConfig: STOCK_NO_RETRY };
  if (variant === 'on') return { kind: 'inboard', target, count };
  return { kind: 'inboard', target, count, jitter: false };
}

/** Dials in each tenth of a second after the death, as far as there were any. */
function timeline(dials: readonly number[], fromMs: number): string {
  const counts = new Map<number, number>();
  for (const time of dials) {
    const tenth = Math.floor((time - fromMs) / 100);
    if (tenth >= 0) counts.set(tenth, (counts.get(tenth) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted(([a], [b]) => a - b);
  return `dials by tenths of a second: ${sorted.map(([tenth, count]) => `${tenth}:${count}`).join(' ')}`;
}
