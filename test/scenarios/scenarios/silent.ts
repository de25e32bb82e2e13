import { createServer, type AddressInfo, type Socket } from 'node:net';

import type { Calls } from '../harness/records.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const LONGEST = 'until an attempt at it alone ends';

/** Above the connect timeout of 20 s, so that it is that which ends the call. */
const TIMEOUT_MS = 28_000;

export const silent: Scenario = {
  name: 'silent',
  title: 'one address accepts TCP and never speaks',
  share: 0.07,
  seconds: 33,
  quick: false,
  exact: true,
  off: { without: 'no connect timeout', fails: [LONGEST] },
  stock: STOCK_WORDS,

  async run(stage) {
    const address = await listenSilently(stage);
    const replicas = await stage.servers(2);
    const load = await stage.load(clientOf(stage, `${targetOf(replicas)},${address}`));
    const alone = await stage.load(clientOf(stage, `static:///${address}`));
    await load.start({ arrivals: [{ method: 'read', perSecond: 50 }] });
    await alone.start({ arrivals: [{ method: 'price', perSecond: 5, timeoutMs: TIMEOUT_MS }] });
    await stage.pause(2_000);
    // Waits for its calls, and so for longer than a connection may take to come about.
    const { calls: lone } = await alone.stop();
    const { calls: reads } = await load.stop();
    return {
      checks: [
        { name: FAILED, value: reads.failed.count, atMost: 0 },
        { name: LONGEST, value: tenths(longestAttemptMs(lone)), atMost: 20, unit: ' s', digits: 1 },
      ],
      notes: [
        `${reads.count} reads, ${lone.count} calls to the silent one alone`,
        ...reads.failures(),
      ],
    };
  },
};

function clientOf({ variant }: Stage, target: string): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  if (variant === 'on') return { kind: 'inboard', target };
  return { kind: 'inboard', target, channel: { connectTimeoutMs: 600_000 } };
}

async function listenSilently(stage: Stage): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  stage.onEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** From the attempt on; of a client that does not tell, from the call on. */
function longestAttemptMs({ records }: Calls): number {
  return Math.max(
    ...records.map(({ longestAttemptMs: attemptMs, latencyMs }) => attemptMs || latencyMs),
  );
}

/** The bar is in seconds; that a timer fires some ms late is no news. */
function tenths(ms: number): number {
  return Math.round(ms / 100) / 10;
}
