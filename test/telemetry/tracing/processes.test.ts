import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { CollectedTree } from './collector.ts';
import { Collector } from './collector.ts';
import type { TracedProcessOptions } from './traced-process.ts';

// Several processes start, each with an SDK, and on a busy machine that takes a while.
vi.setConfig({ testTimeout: 60_000 });

const SCRIPT = fileURLToPath(new URL('./traced-process.ts', import.meta.url));
const SERVICE = 'inboard.testing.v1.ShapesService';

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

type Hop = Omit<TracedProcessOptions, 'collectorPort' | 'nextPort'>;

function start(options: TracedProcessOptions): ChildProcess {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.push(child);
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
}

/** Runs a client and servers behind one another, and returns what they have exported. */
async function trace(client: Hop, ...servers: Hop[]): Promise<Collector> {
  const collector = await Collector.start();
  const { port: collectorPort } = collector;
  const children: ChildProcess[] = [];
  let nextPort: number | undefined;
  for (const server of servers.toReversed()) {
    const child = start({ ...server, collectorPort, ...(nextPort && { nextPort }) });
    children.push(child);
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    nextPort = Number(line);
  }
  await ended(start({ calls: 1, ...client, collectorPort, nextPort: nextPort! }));
  for (const child of children.toReversed()) await ended(child);
  return collector;
}

/** Every exported span is there once, and all are of one trace. */
function expectOneTrace({ spans }: Collector): void {
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
}

const [unary, safe] = [`${SERVICE}/Unary`, `${SERVICE}/UnarySafe`];

/** Three hops, of which the second fails once. */
const CHAIN = (shared: Partial<Hop>): [Hop, Hop, Hop, Hop] => [
  { ...shared, service: 'client' },
  { ...shared, service: 'a', method: 'unarySafe' },
  { ...shared, service: 'b', failures: 1 },
  { ...shared, service: 'c' },
];

/** What `a` does, with the last hop as a server of `c` tells it. */
const servedByA = (last: string): CollectedTree => [
  `SERVER a ${unary}`,
  [
    `CLIENT a ${safe}`,
    [`INTERNAL a ${safe} attempt ERROR`, [`SERVER b ${safe} ERROR`]],
    [
      `INTERNAL a ${safe} attempt`,
      [`SERVER b ${safe}`, [`CLIENT b ${unary}`, [`INTERNAL b ${unary} attempt`, [last]]]],
    ],
  ],
];

const TREE: CollectedTree[] = [
  [`CLIENT client ${unary}`, [`INTERNAL client ${unary} attempt`, servedByA(`SERVER c ${unary}`)]],
];

describe('three hops in processes of their own, with a retry in the middle', () => {
  test.each([
    ['nothing patched, no propagator registered', {}],
    ['@opentelemetry/instrumentation-grpc active', { instrumentation: true }],
  ])('%s: one trace, every call once on each side', async (_name, shared) => {
    await using collector = await trace(...CHAIN(shared));
    expect(collector.trees()).toEqual(TREE);
    expectOneTrace(collector);
    expect(new Set(collector.spans.map(({ scope }) => scope))).toEqual(new Set(['inboard']));
  });
});

describe('with @opentelemetry/instrumentation-grpc', () => {
  const instrumentation = true;
  const patched = '@opentelemetry/instrumentation-grpc';

  test('a stock client shows that it is active, and its call has one span a side', async () => {
    const client: Hop = { service: 'client', library: 'grpc-js', instrumentation };
    await using collector = await trace(client, { service: 'a', instrumentation });
    expect(collector.trees()).toEqual([[`CLIENT client grpc.${unary}`, [`SERVER a ${unary}`]]]);
    expect(collector.spans.find(({ service }) => service === 'client')?.scope).toBe(patched);
    expectOneTrace(collector);
  });

  test('three hops with a retry in the middle, and nice-grpc at either end', async () => {
    const nice = { library: 'nice-grpc', instrumentation } as const;
    const [client, a, b, c] = CHAIN({ instrumentation });
    await using collector = await trace({ ...client, ...nice }, a, b, { ...c, ...nice });
    expect(collector.trees()).toEqual([
      [`CLIENT client grpc.${unary}`, servedByA(`SERVER c grpc.${unary}`)],
    ]);
    const scopes = Object.fromEntries(
      collector.spans.map(({ service, scope }) => [service, scope]),
    );
    expect(scopes).toEqual({ client: patched, a: 'inboard', b: 'inboard', c: patched });
    expectOneTrace(collector);
  });
});
