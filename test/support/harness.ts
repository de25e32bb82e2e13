import type { Client, Runtime, ServiceImplementation, Transport } from '../../src/index.ts';
import { createRuntime, grpcJsTransport } from '../../src/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { LogEntry, TestPair, TestPairOptions } from '../../src/testing/index.ts';
import { inMemoryTransport, recordingLogger, testPair } from '../../src/testing/index.ts';
import { shapes } from './shapes-service.ts';

export type ShapesDefinition = typeof ShapesServiceDefinition;
export type ShapesImplementation = ServiceImplementation<ShapesDefinition>;
export type ShapesClient = Client<ShapesDefinition>;

/** Every suite over the shapes runs over each of these. */
export const TRANSPORTS: readonly [name: string, make: () => Transport][] = [
  ['grpc-js', grpcJsTransport],
  ['in-memory', inMemoryTransport],
];

export type { LogEntry };

/** A runtime whose log is kept. */
type LoggedRuntime = Runtime & { readonly log: readonly LogEntry[] };

/** One on real time. */
export function testRuntime(): LoggedRuntime {
  const logger = recordingLogger();
  return { ...createRuntime({ logger }), log: logger.entries };
}

export type PairOptions = TestPairOptions<ShapesDefinition, LoggedRuntime>;

/** A pair of the shapes, and what it logged. */
export interface Pair extends TestPair<ShapesDefinition, LoggedRuntime> {
  readonly log: readonly LogEntry[];
}

/** Serves the shapes, some of them replaced: over sockets and in real time, unless told else. */
export async function startPair(
  overrides: Partial<ShapesImplementation> = {},
  options: PairOptions = {},
): Promise<Pair> {
  const runtime = options.runtime ?? testRuntime();
  const transport = options.transport ?? grpcJsTransport();
  const implementation = { ...shapes, ...overrides };
  const given = { ...options, runtime, transport };
  const pair = await testPair(ShapesServiceDefinition, implementation, given);
  return { ...pair, log: runtime.log };
}

/** The error that a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise resolved, but should have been rejected');
}

/** All messages of a stream. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

/** A promise and what settles it. */
export function deferred<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}
