import { globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'calls failed';
const AGAIN = 'further attempts';
const JUMPS = 'jumps of the wall clock seen';

const HOUR_S = 3_600;

/** Where the wall clock is put, one after the other, in seconds from the true time. */
const OFFSETS_S = [HOUR_S, 0, -HOUR_S, 0, HOUR_S, -HOUR_S, 0];

const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1';

export const wallClock: Scenario = {
  name: 'wall-clock',
  title: 'the wall clock jumps by an hour, forth and back, under client and servers',
  share: 0.14,
  seconds: 16,
  quick: false,
  needs: 'faketime',
  off: { without: 'deadlines and timers on the wall clock', fails: [FAILED] },
  stock: STOCK_WORDS,

  async run(stage) {
    const clockFile = join(await stage.folder(), 'clock');
    await writeFile(clockFile, '+0');
    const [library = ''] = globSync(LIBRARY);
    stage.processesUnder([], {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clockFile,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
    const clock = stage.variant === 'off' ? 'wall' : 'monotonic';
    const replicas = await stage.servers(3, { clock, behaviour: { delayMs: 60 } });
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({ arrivals: [{ method: 'read', perSecond: 80, timeoutMs: 5_000 }] });
    await stage.pause(1_500);
    let seen = 0;
    for (const offset of OFFSETS_S) {
      await writeFile(clockFile, `${offset < 0 ? '' : '+'}${offset}`);
      await stage.pause(1_200);
      const aheadMs = (await load.wallClock()) - Date.now();
      if (Math.abs(aheadMs - offset * 1_000) < 5_000) seen++;
    }
    const { calls } = await load.stop();
    const attempts = calls.attempts;
    return {
      checks: [
        { name: FAILED, value: calls.failed.count, atMost: 0 },
        {
          name: AGAIN,
          value: attempts === 0 ? undefined : Math.max(0, attempts - calls.count),
          atMost: 0,
        },
        { name: JUMPS, value: seen, atLeast: OFFSETS_S.length },
      ],
      notes: [`${calls.count} reads`, ...calls.failures()],
    };
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  return { kind: 'inboard', target, clock: variant === 'off' ? 'wall' : 'monotonic' };
}
