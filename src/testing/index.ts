/**
 * `inboard/testing`: what tests of code that uses inboard need. A whole client and server run in
 * memory, on a clock that stands still until it is told to move, and what is logged is kept.
 *
 * ```ts
 * const runtime = testRuntime();
 * const transport = inMemoryTransport();
 * const server = createServer({ runtime, transport });
 * const client = createClient(OrdersDefinition, 'static:///orders:1', { runtime, transport });
 * const order = client.getOrder({ id }, { timeoutMs: 200 });
 * runtime.clock.advance(200);
 * ```
 */
export { inMemoryTransport } from '../transports/in-memory/index.ts';
export { ManualClock } from './manual-clock.ts';
export type { LogEntry, RecordingLogger } from './recording-logger.ts';
export { recordingLogger } from './recording-logger.ts';
export { seededRandom } from './seeded-random.ts';
export type { TestRuntime, TestRuntimeOptions } from './test-runtime.ts';
export { testRuntime } from './test-runtime.ts';
