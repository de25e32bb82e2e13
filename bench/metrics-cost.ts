import type { Handler, Method } from '../src/index.ts';
import { ClientCall, createRuntime, Metrics, ServerCall, Status } from '../src/index.ts';
import type { ServerWire } from '../src/core/transport.ts';
import type { Spread } from './stats.ts';
import { spread } from './stats.ts';
import { threadMs } from './thread-cpu.ts';

const METHODS = 300;
const CODES = 17;
const CALLS = 100_000;

/** What metrics cost by themselves, in CPU time of the thread: others may be at work beside it. */
export interface MetricsCost {
  /** Of one unary call: counted, timed and ended. */
  readonly layerNs: Spread;
  /** Of a process that has served 300 methods, each with every status code. */
  readonly scrapeMs: Spread;
  readonly firstScrapeMs: number;
  /** The longest turn of the event loop during one scrape. */
  readonly holdMs: Spread;
  readonly series: number;
}

const runtime = createRuntime({ metrics: false, tracing: false });

export async function measureMetrics(runs: number): Promise<MetricsCost> {
  const layerNs = measureLayer(runs);
  const metrics = serveEverything();
  const first = await scrape(metrics);
  const scrapes = [];
  for (let run = 0; run < runs; run++) scrapes.push(await scrape(metrics));
  return {
    layerNs,
    scrapeMs: spread(scrapes.map(({ ms }) => ms)),
    firstScrapeMs: first.ms,
    holdMs: spread(scrapes.map(({ holdMs }) => holdMs)),
    series: first.series,
  };
}

function methodNamed(index: number): Method {
  const service = `shop.v1.Service${index % 10}`;
  const name = `Method${index}`;
  const codec = { encode: () => new Uint8Array(), decode: () => ({}) };
  return {
    path: `/${service}/${name}`,
    service,
    name,
    key: name,
    shape: 'unary',
    requestStream: false,
    responseStream: false,
    idempotency: undefined,
    known: true,
    request: codec,
    response: codec,
  };
}

/** Calls that end at once, through the layer and without it, in turn. */
function measureLayer(runs: number): Spread {
  const answer = Promise.resolve({});
  const method = methodNamed(0);
  const without: Handler<ClientCall> = () => answer;
  const withLayer = new Metrics().clientCall(without, method);
  const costs: number[] = [];
  // The first run of each is the warm-up.
  for (let run = 0; run <= runs; run++) {
    const cost = timePerCall(withLayer, method) - timePerCall(without, method);
    if (run > 0) costs.push(cost);
  }
  return spread(costs);
}

function timePerCall(handler: Handler<ClientCall>, method: Method): number {
  const beginMs = threadMs();
  for (let count = 0; count < CALLS; count++) {
    const call = new ClientCall(method, runtime, undefined);
    void handler(call);
    call.end({ code: Status.OK, details: '' });
  }
  return ((threadMs() - beginMs) * 1e6) / CALLS;
}

/** Of a call that comes from nowhere. */
const NO_WIRE = {
  peer: { address: '127.0.0.1:1' },
  path: '/',
  timeout: undefined,
  receive: () => undefined,
} as unknown as ServerWire;

function serveEverything(): Metrics {
  const metrics = new Metrics();
  const answer = Promise.resolve({});
  for (let index = 0; index < METHODS; index++) {
    const method = methodNamed(index);
    const handler = metrics.serverCall(() => answer, method);
    for (let code = 0; code < CODES; code++) {
      const call = new ServerCall(method, runtime, NO_WIRE);
      call.deadline = runtime.clock.now() + 10 * index;
      void handler(call);
      call.end({ code, details: '' });
    }
  }
  return metrics;
}

interface Scrape {
  readonly ms: number;
  readonly holdMs: number;
  readonly series: number;
}

async function scrape({ registry }: Metrics): Promise<Scrape> {
  let holdMs = 0;
  let over = false;
  let last = threadMs();
  const look = (): void => {
    const now = threadMs();
    holdMs = Math.max(holdMs, now - last);
    last = now;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  const beginMs = threadMs();
  const text = await registry.metrics();
  const ms = threadMs() - beginMs;
  over = true;
  // Once more, so that what held the loop last is seen too.
  await new Promise((resolve) => setImmediate(resolve));
  return { ms, holdMs, series: text.match(/^[^#\n]/gm)?.length ?? 0 };
}
