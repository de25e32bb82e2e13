/**
 * `inboard/testing`: what tests of code that uses inboard need, under vitest, `node:test` or any
 * other runner.
 *
 * - `testPair`: a server and clients of it, in memory, that end together. `inMemoryTransport` and
 *   `testRuntime` are what it is made of, for what it does not fit.
 * - `stubService`: an implementation whose methods are fakes that keep the calls they get.
 * - `ManualClock`: time that stands still until it is told to move; `seededRandom`: chance that
 *   repeats itself; `recordingLogger`: a log that is kept. A `testRuntime` has all three.
 * - `faultyTransport`: connections that refuse, stall, break, say goodbye and are slow on demand.
 *   Faults of single methods, such as one per cent of UNAVAILABLE, are a client's policy `faults`.
 * - `manualResolver`: a name service in the test's hand.
 * - `leakCheck`: fails a test that leaves a socket, a server, a child process or a timer behind.
 *
 * ```ts
 * const orders = stubService(OrdersServiceDefinition);
 * await using _check = leakCheck();
 * await using pair = await testPair(OrdersServiceDefinition, orders);
 *
 * orders.on('getOrder', ({ id }) => ({ order: { id } }));
 * await pair.client.getOrder({ id: 'a' });
 * assert.equal(orders.calls.getOrder.length, 1);
 *
 * orders.on('getOrder', () => new Promise<never>(() => {})); // never answers
 * const call = pair.client.getOrder({ id: 'b' }, { timeoutMs: 200 });
 * pair.runtime.clock.advance(200);
 * await assert.rejects(call, { code: Status.DEADLINE_EXCEEDED });
 * ```
 */
export { inMemoryTransport } from '../transports/in-memory/index.ts';
export type { Where } from './fault-rules.ts';
export type { FaultyTransport } from './faulty-transport.ts';
export { faultyTransport } from './faulty-transport.ts';
export type { LeakCheck, LeakCheckOptions } from './leak-check.ts';
export { LeakError, leakCheck } from './leak-check.ts';
export { ManualClock } from './manual-clock.ts';
export type { ManualResolver } from './manual-resolver.ts';
export { manualResolver } from './manual-resolver.ts';
export type { LogEntry, RecordingLogger } from './recording-logger.ts';
export { recordingLogger } from './recording-logger.ts';
export { seededRandom } from './seeded-random.ts';
export type {
  StubAnswer,
  StubAnswers,
  StubCall,
  StubControl,
  StubService,
} from './stub-service.ts';
export { stubControl, stubService } from './stub-service.ts';
export type { PairClientOptions, TestPair, TestPairOptions } from './test-pair.ts';
export { testPair } from './test-pair.ts';
export type { TestRuntime, TestRuntimeOptions } from './test-runtime.ts';
export { testRuntime } from './test-runtime.ts';
