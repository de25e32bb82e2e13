import { describe, expect, test } from 'vitest';

import type { PolicyRow } from '../../../src/telemetry/console/console-state.ts';
import { changingPolicy } from '../../client/changing-policy.ts';
import type { AdminPair } from './support.ts';
import { adminPair, ask, bodyOf } from './support.ts';

/** By key, the value and its source, of what holds for calls of `Unary` by the newest client. */
async function told({ admin }: AdminPair): Promise<Readonly<Record<string, string>>> {
  const rows = bodyOf(await ask(admin, '/console/policy')) as readonly PolicyRow[];
  const values = rows.findLast(({ method }) => method === 'Unary')?.values ?? [];
  return Object.fromEntries(
    values.map(({ key, value, source }) => [key, `${String(value)} ${source}`]),
  );
}

describe('/console/policy', () => {
  test('has what holds for a method and for its channel, and who said so', async () => {
    await using running = await adminPair();
    const { source: policy, change } = changingPolicy({
      methods: { 'inboard.testing.v1.ShapesService/Unary': { timeoutMs: 700 } },
      channel: { ejection: { baseMs: 5_000 } },
    });
    await using _client = running.pair.connect({
      ...{ balancer: 'round_robin', healthCheck: { service: 's' }, policy },
      defaults: { hedge: { delayMs: 30 } },
    });
    expect(await told(running)).toMatchObject({
      timeoutMs: '700 file.method',
      'hedge.delayMs': '30 code.defaults',
      'breaker.minCalls': '20 default',
      'channel.balancer': 'round_robin code.channel',
      'channel.healthCheck.service': 's code.channel',
      'channel.ejection.baseMs': '5000 file.channel',
      'channel.ejection.consecutiveFailures': '5 default',
      'channel.retryBudget.ratio': '0.2 default',
    });
    change({ channel: { ejection: false } });
    await expect
      .poll(() => told(running))
      .toMatchObject({
        timeoutMs: '15000 default',
        'channel.ejection': 'off file.channel',
      });
  });
});
