/**
 * Makes many calls of one shape over real sockets, and prints how much the heap has grown by then.
 * Run as a process of its own with `--expose-gc`: SHAPE CALLS.
 */
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, createServer } from '../../src/index.ts';
import type { ShapesClient } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

const CONCURRENCY = 20;

type Run = (client: ShapesClient) => Promise<unknown>;

const sample = { text: 'x' };

async function* one(): AsyncGenerator<{ sample: { text: string } }> {
  yield { sample };
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _message of stream);
}

const RUNS: Readonly<Record<string, Run>> = {
  unary: (client) => client.unary({ sample }),
  clientStream: (client) => client.clientStream(one()),
  serverStream: (client) => drain(client.serverStream({ sample, count: 1 })),
  bidi: (client) => drain(client.bidi(one())),
};

async function calls(client: ShapesClient, run: Run, count: number): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await run(client);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function heapBytes(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 4; i++) {
    await gc({ type: 'major', execution: 'async' });
    // Finalizers, and the compiler's leavings, go in later turns.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

/**
 * The heap once it has come to rest. Some megabytes of what start-up needed go only after a few
 * thousand calls; counted as the start, they would hide a leak of that size.
 */
async function settledHeapBytes(client: ShapesClient, run: Run): Promise<number> {
  let last = await heapBytes();
  for (let round = 0; round < 20; round++) {
    await calls(client, run, 5_000);
    const now = await heapBytes();
    if (Math.abs(now - last) < 200_000) return now;
    last = now;
  }
  return last;
}

const [shape = '', count = '0'] = process.argv.slice(2);
const run = RUNS[shape];
if (run === undefined) throw new Error(`no shape '${shape}': ${Object.keys(RUNS).join(', ')}`);
const server = createServer().add(ShapesServiceDefinition, shapes);
const { address } = await server.listen('127.0.0.1:0');
const client = createClient(ShapesServiceDefinition, `static:///${address}`);
// Code is compiled and pools are filled by the first calls.
await calls(client, run, 20_000);
const before = await settledHeapBytes(client, run);
await calls(client, run, Number(count));
const after = await heapBytes();
await client[Symbol.asyncDispose]();
await server.shutdown({ propagationMs: 0 });
// Printed last; the process then ends by itself only if nothing holds it.
console.log(JSON.stringify({ grownBytes: after - before }));
