import { nowMs } from '../harness/monotonic.ts';
import type { Calls } from '../harness/records.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec, ServerSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'calls of other tenants failed';
const P99 = 'p99 of other tenants against before';
const STORMS = 'breakers opened';
const LIMITED = 'of the greedy tenant refused';

/** Each server runs 7 calls of 50 ms at a time: three of them 420 a second, less than is asked. */
const CONCURRENCY = 7;
const DELAY_MS = 50;
const GREEDY_PER_SECOND = 500;
const RATE_LIMIT = { perSecond: 10, burst: 6 };

export const tenants: Scenario = {
  name: 'tenants',
  title: 'two methods fail and open their breakers, one tenant calls far too often',
  share: 0.6,
  seconds: 12,
  quick: true,
  exact: true,
  off: { without: 'no breaker, no rate limit per identity', fails: [FAILED, STORMS] },
  stock: `${STOCK_WORDS}; the servers of the first column`,

  async run(stage) {
    const replicas = await stage.servers(3, {
      behaviour: { delayMs: DELAY_MS, fail: { price: 'INTERNAL', stock: 'INTERNAL' } },
      tenants: true,
      options: optionsOf(stage),
    });
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    // One client for all tenants, as a gateway has it.
    const others = ['blue', 'green'].map((tenant) => ({
      method: 'read' as const,
      perSecond: 10,
      headers: { tenant },
    }));
    await load.start({ arrivals: others });
    await stage.pause(3_000);
    const before = (await load.stop()).calls;
    await load.start({
      arrivals: [
        ...others,
        { method: 'price', perSecond: 20, headers: { tenant: 'red' } },
        { method: 'stock', perSecond: 20, headers: { tenant: 'red' } },
        { method: 'read', perSecond: GREEDY_PER_SECOND, headers: { tenant: 'greedy' } },
      ],
    });
    const stormMs = nowMs();
    await stage.pause(stage.choose(7_000, 5_000));
    const { calls } = await load.stop();
    const after = ofTenants(calls, ['blue', 'green']).between(stormMs);
    const greedy = ofTenants(calls, ['greedy']);
    return {
      checks: [
        { name: FAILED, value: after.failed.count + before.failed.count, atMost: 0 },
        {
          name: STORMS,
          value: stage.variant === 'stock' ? undefined : opened(calls),
          atLeast: 2,
        },
        { name: LIMITED, value: 100 - greedy.successRatio * 100, atLeast: 50, unit: ' %' },
      ],
      notes: [
        `${P99}: ${before.quantile(0.99).toFixed(0)} ms, then ${after.quantile(0.99).toFixed(0)} ms; ` +
          `${after.count} calls of other tenants, ${greedy.count} of the greedy one`,
        ...after.failures(),
      ],
    };
  },
};

function optionsOf({ variant }: Stage): NonNullable<ServerSpec['options']> {
  const concurrency = CONCURRENCY;
  return variant === 'off' ? { concurrency } : { concurrency, rateLimit: RATE_LIMIT };
}

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  if (variant === 'on') return { kind: 'inboard', target };
  return { kind: 'inboard', target, defaults: { breaker: false } };
}

function ofTenants(calls: Calls, names: readonly string[]): Calls {
  return calls.where(({ tenant }) => names.includes(tenant));
}

/** Methods that a breaker refused to call. */
function opened(calls: Calls): number {
  const refused = calls.failed.records.filter(({ details }) =>
    details.startsWith('The circuit of'),
  );
  return new Set(refused.map(({ method }) => method)).size;
}
