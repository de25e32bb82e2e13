import { ShapesServiceDefinition } from '../generated/inboard/testing/v1/shapes.ts';
import type { RuntimeOptions } from '../src/index.ts';
import { createRuntime } from '../src/index.ts';
import type { TestPair } from '../src/testing/index.ts';
import { inMemoryTransport, testPair } from '../src/testing/index.ts';
import { shapesService } from './peers/service.ts';
import { median, medianUpperBound } from './stats.ts';
import { threadMs } from './thread-cpu.ts';

const CALLS = 2_000;
const IN_FLIGHT = 10;
const WARM_UP = 10;
const CONFIDENCE = 0.95;

/** What telemetry takes of a unary call, client and server together, in one process. */
export interface StackCost {
  readonly withoutMicros: number;
  readonly costMicros: number;
  readonly upperBoundMicros: number | undefined;
}

type Pair = TestPair<typeof ShapesServiceDefinition, ReturnType<typeof createRuntime>>;

/**
 * Both default stacks without a wire in between, in slices A B B A of one thread's CPU time: what
 * else the machine does hardly shows, and the wire does not drown microseconds.
 */
export async function measureStacks(pairs: number): Promise<StackCost> {
  await using base = await open({ metrics: false, tracing: false });
  await using row = await open({});
  for (let slice = 0; slice < WARM_UP; slice++) {
    await microsPerCall(base);
    await microsPerCall(row);
  }
  const without: number[] = [];
  const costs: number[] = [];
  while (costs.length < pairs) {
    const first = await microsPerCall(base);
    costs.push((await microsPerCall(row)) - first);
    const second = await microsPerCall(row);
    const last = await microsPerCall(base);
    costs.push(second - last);
    without.push(first, last);
  }
  const upperBoundMicros = medianUpperBound(costs, CONFIDENCE)?.value;
  return { withoutMicros: median(without), costMicros: median(costs), upperBoundMicros };
}

function open(options: RuntimeOptions): Promise<Pair> {
  const runtime = createRuntime(options);
  const transport = inMemoryTransport();
  return testPair(ShapesServiceDefinition, shapesService, { runtime, transport });
}

async function microsPerCall({ client }: Pair): Promise<number> {
  const beginMs = threadMs();
  let left = CALLS;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await client.unary({ sample: { text: 'order' } });
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return ((threadMs() - beginMs) * 1000) / CALLS;
}
