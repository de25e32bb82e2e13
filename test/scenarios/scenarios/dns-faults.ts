import { startResponder } from '../../channel/dns-responder.ts';
import { NAME } from '../harness/dnsmasq.ts';
import { nowMs } from '../harness/monotonic.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const MET = 'kinds of bad answers met';

const FAULTS = ['SERVFAIL', 'NXDOMAIN', 'empty', 'slow'] as const;
type Fault = (typeof FAULTS)[number];

const SLOW_MS = 5_000;
/** How long each kind lasts, and at most until it is met. */
const LASTS_MS = 2_500;
const LIMIT_MS = 12_000;

export const dnsFaults: Scenario = {
  name: 'dns-faults',
  title: 'DNS answers SERVFAIL, NXDOMAIN, nothing, or after 5 s, while servers live and die',
  share: 0.1,
  seconds: 34,
  quick: false,
  off: { without: 'bad answers are taken for the truth', fails: [FAILED] },
  stock: `${STOCK_WORDS}; the same DNS server`,

  async run(stage) {
    const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
    const port = await stage.ports.take(...hosts);
    const replicas = await Promise.all(
      hosts.map((host) => stage.server({ address: `${host}:${port}` })),
    );
    const met = new Set<Fault>();
    let fault: Fault | undefined;
    const answering = new Set<Promise<void>>();
    const responder = await startResponder(async ({ type }) => {
      const answered = fault;
      if (answered === 'slow') await late(stage, answering);
      if (answered !== undefined && type === 'A') met.add(answered);
      if (answered === 'SERVFAIL' || answered === 'NXDOMAIN') return answered;
      return answered === 'empty' ? [] : hosts;
    });
    stage.onEnd(async () => {
      // It answers whoever asked before it can be closed.
      while (answering.size > 0) await Promise.all(answering);
      await stage.pause(20);
      await responder[Symbol.asyncDispose]();
    });
    const target = `dns://${responder.address}/${NAME}:${port}`;
    const load = await stage.load(
      stage.variant === 'stock'
        ? { kind: 'stock', target, serviceConfig: STOCK_CONFIG }
        : {
            kind: 'inboard',
            target,
            resolver: stage.variant === 'on' ? 'prompt' : 'trusting',
          },
    );
    await load.start({ arrivals: [{ method: 'read', perSecond: 100 }] });
    await stage.pause(2_000);
    for (const [index, kind] of FAULTS.entries()) {
      fault = kind;
      // A connection that is lost makes the resolver ask; the other two servers live.
      const victim = replicas[index % replicas.length];
      await victim?.kill();
      const startMs = nowMs();
      await stage.pause(LASTS_MS);
      while (!met.has(kind) && nowMs() - startMs < LIMIT_MS) await stage.pause(50);
      await victim?.start();
    }
    fault = undefined;
    await stage.pause(3_000);
    const { calls } = await load.stop();
    return {
      checks: [
        { name: FAILED, value: calls.failed.count, atMost: 0 },
        { name: MET, value: met.size, atLeast: FAULTS.length },
      ],
      notes: [`${calls.count} reads, ${responder.asked.length} questions`, ...calls.failures()],
    };
  },
};

async function late(stage: Stage, answering: Set<Promise<void>>): Promise<void> {
  const pause = stage.pause(SLOW_MS);
  answering.add(pause);
  await pause;
  answering.delete(pause);
}
