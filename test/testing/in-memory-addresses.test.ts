import { expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, createServer, HealthDefinition, Status } from '../../src/index.ts';
import { inMemoryTransport, testRuntime } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

test('in memory any address is local, and the test moves the time', async () => {
  const runtime = testRuntime();
  const transport = inMemoryTransport();
  const server = createServer({ runtime, transport }).add(ShapesServiceDefinition, {
    ...shapes,
    unary: () => new Promise<never>(() => undefined),
  });
  const { address } = await server.listen('orders:0');
  expect(address).toMatch(/^orders:\d+$/);
  const client = createClient(ShapesServiceDefinition, `static:///${address}`, {
    runtime,
    transport,
  });
  expect(await client.unarySafe({ sample: { text: 'here' } })).toMatchObject({
    sample: { text: 'here' },
  });
  const call = rejection(client.unary({}, { timeoutMs: 200 }));
  runtime.clock.advance(200);
  expect(await call).toMatchObject({ code: Status.DEADLINE_EXCEEDED });

  const health = createClient(HealthDefinition, `static:///${address}`, { runtime, transport });
  expect(await health.check({ service: 'inboard.testing.v1.ShapesService' })).toEqual({
    status: 1,
  });
});
