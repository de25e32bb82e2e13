import { describe, expect, expectTypeOf, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Runtime } from '../../src/index.ts';
import { ConfigError, createRuntime, grpcJsTransport, Status } from '../../src/index.ts';
import type { ManualClock } from '../../src/testing/index.ts';
import { inMemoryTransport, leakCheck, stubService, testPair } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';

const never = (): Promise<never> => new Promise<never>(() => undefined);

test('runs in memory, on a clock that the test moves, with a log that is kept', async () => {
  const stub = stubService(ShapesServiceDefinition, { unary: never, unarySafe: {} });
  await using pair = await testPair(ShapesServiceDefinition, stub);
  expectTypeOf(pair.runtime.clock).toEqualTypeOf<ManualClock>();
  expect(pair.target).toBe(`static:///127.0.0.1:${pair.port}`);
  await pair.client.unarySafe({});
  expect(process.getActiveResourcesInfo()).not.toContain('TCPServerWrap');
  const call = rejection(pair.client.unary({}, { timeoutMs: 200 }));
  pair.runtime.clock.advance(200);
  expect(await call).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  expect(pair.runtime.logger.entries).toEqual([]);
});

test('runs over sockets and in real time where it is told to', async () => {
  const stub = stubService(ShapesServiceDefinition, { unary: {} });
  const runtime = createRuntime();
  const transport = grpcJsTransport();
  const pair = await testPair(ShapesServiceDefinition, stub, { runtime, transport });
  expectTypeOf(pair.runtime).toEqualTypeOf<Runtime>();
  expect(pair.runtime).toBe(runtime);
  await pair.client.unary({});
  expect(process.getActiveResourcesInfo()).toContain('TCPServerWrap');
  await pair[Symbol.asyncDispose]();
});

test('options reach the server, the service and the client', async () => {
  const stub = stubService(ShapesServiceDefinition, { unary: never, unarySafe: {} });
  await using pair = await testPair(ShapesServiceDefinition, stub, {
    server: { health: false, authorize: { 'inboard.testing.v1.ShapesService': 'anyone' } },
    service: { validate: { unarySafe: () => [{ field: 'sample', description: 'is missing' }] } },
    client: { methods: { unary: { timeoutMs: 50 } } },
  });
  expect(await rejection(pair.client.unarySafe({}))).toMatchObject({
    code: Status.INVALID_ARGUMENT,
  });
  const call = rejection(pair.client.unary({}));
  pair.runtime.clock.advance(50);
  expect(await call).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  const methods = { unari: {} };
  // @ts-expect-error -- the client has no such method
  const broken = testPair(ShapesServiceDefinition, stub, { client: { methods } });
  expect(await rejection(broken)).toBeInstanceOf(ConfigError);
});

describe('connect', () => {
  test('makes more clients, which end with the pair', async () => {
    const stub = stubService(ShapesServiceDefinition, { unary: {} });
    const transport = inMemoryTransport();
    const within = (timeoutMs: number) => ({ defaults: { timeoutMs, retry: false } }) as const;
    const client = within(40);
    const pair = await testPair(ShapesServiceDefinition, stub, { transport, client });
    await using other = await testPair(ShapesServiceDefinition, stub, { transport });
    await pair.connect().unary({});
    await pair.connect(other.target).unary({});
    const clients = [
      pair.client,
      pair.connect(within(50)),
      pair.connect(other.target, within(60)),
      pair.connect(undefined, within(70)),
    ];
    for (const each of clients) await each.unary({});
    const remaining = stub.calls.unary.map(({ context }) => context.remainingMs());
    expect(remaining).toEqual([15_000, 15_000, 40, 50, 60, 70]);
    await pair[Symbol.asyncDispose]();
    for (const each of clients) {
      expect(await rejection(each.unary({}))).toMatchObject({ code: Status.UNAVAILABLE });
    }
    await other.client.unary({});
  });

  test('a client that its user ends may end with the pair again', async () => {
    const stub = stubService(ShapesServiceDefinition, { unary: {} });
    await using pair = await testPair(ShapesServiceDefinition, stub);
    {
      await using client = pair.connect();
      await client.unary({});
    }
    await pair.client.unary({});
    expect(stub.calls.unary).toHaveLength(2);
  });
});

test('what cannot be made leaves nothing open', async () => {
  await using check = leakCheck({ patienceMs: 200 });
  const transport = grpcJsTransport();
  const stub = stubService(ShapesServiceDefinition);
  const wrong = { transport, client: { connectTimeoutMs: -1 } };
  expect(await rejection(testPair(ShapesServiceDefinition, stub, wrong))).toBeInstanceOf(
    ConfigError,
  );
  await check.settled();
});

test('the implementation is checked by the compiler', async () => {
  // @ts-expect-error -- four methods are missing
  const pair = testPair(ShapesServiceDefinition, { unary: never });
  expect(await rejection(pair)).toBeInstanceOf(ConfigError);
});
