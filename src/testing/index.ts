/**
 * `inboard/testing`: what tests of code that uses inboard need. A whole client and server run in
 * memory, on a clock that stands still until it is told to move, and what is logged is kept.
 *
 * ```ts
 * const runtime = testRuntime();
 * const transport = inMemoryTransport();
 * const server = createServer({ runtime, transport }).add(OrdersServiceDefinition, orders);
 * const { address } = await server.listen('orders:0');
 * const client = createClient(OrdersServiceDefinition, `static:///${address}`, { runtime, transport });
 * const call = client.getOrder({ id }, { timeoutMs: 200 });
 * runtime.clock.advance(200); // and the call fails with DEADLINE_EXCEEDED
 * ```
 */
export { inMemoryTransport } from '../transports/in-memory/index.ts';
export { ManualClock } from './manual-clock.ts';
export type { LogEntry, RecordingLogger } from './recording-logger.ts';
export { recordingLogger } from './recording-logger.ts';
export { seededRandom } from './seeded-random.ts';
export type { TestRuntime, TestRuntimeOptions } from './test-runtime.ts';
export { testRuntime } from './test-runtime.ts';
