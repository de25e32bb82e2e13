import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';

const KEEPALIVE = { timeMs: 1_000, timeoutMs: 1_000 };
const TIMEOUT_MS = 5_000;

export const sigstop: Scenario = {
  name: 'sigstop',
  title: 'SIGSTOP of one of three: its sockets stay open and nobody answers',
  share: 0.1,
  seconds: 16,
  quick: false,
  off: { without: 'no keepalive', fails: [FAILED] },
  stock: `${STOCK_WORDS}, the same keepalive`,

  async run(stage) {
    const replicas = await stage.servers(3, { behaviour: { delayMs: 60 } });
    const load = await stage.load(clientOf(stage, targetOf(replicas)));
    await load.start({ arrivals: [{ method: 'read', perSecond: 150, timeoutMs: TIMEOUT_MS }] });
    await stage.pause(2_000);
    replicas[0]?.freeze();
    await stage.pause(stage.choose(9_000, 7_000));
    const { calls } = await load.stop();
    replicas[0]?.thaw();
    return {
      checks: [{ name: FAILED, value: calls.failed.count, atMost: 0 }],
      notes: [
        `${calls.count} reads, the longest took ${calls.quantile(1).toFixed(0)} ms`,
        ...calls.failures(),
      ],
    };
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') {
    const options = {
      'grpc.keepalive_time_ms': KEEPALIVE.timeMs,
      'grpc.keepalive_timeout_ms': KEEPALIVE.timeoutMs,
    };
    return { kind: 'stock', target, serviceConfig: STOCK_CONFIG, options };
  }
  const keepalive = variant === 'on' ? KEEPALIVE : { timeMs: 600_000, timeoutMs: 10_000 };
  return { kind: 'inboard', target, channel: { keepalive } };
}
