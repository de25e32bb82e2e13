import { expect, test } from 'vitest';

import type { ClientCall, Interceptor, Resolver } from '../../../src/index.ts';
import { createChannel, createClient, Status } from '../../../src/index.ts';
import { ShapesServiceDefinition } from '../../../generated/inboard/testing/v1/shapes.ts';
import { rejection } from '../../support/harness.ts';
import { adminPair, ask } from './support.ts';

const SECRET = 'hunter2-hunter2';

test('a password in a target reaches its resolver, and nobody who looks', async () => {
  const asked: string[] = [];
  const registry = ({ uri }: { readonly uri: string }): Resolver => {
    asked.push(uri);
    return {
      loopback: true,
      start: (listener) => listener.error({ code: Status.UNAVAILABLE, details: 'not now' }),
      resolveNow: () => undefined,
      close: () => undefined,
    };
  };
  const target = `registry://user:${SECRET}@host:8500/orders`;
  const told: unknown[] = [];
  const look: Interceptor<ClientCall> = (next) => (call) => {
    told.push(call.target);
    return next(call);
  };
  await using running = await adminPair();
  const { runtime } = running.pair;
  await using channel = createChannel(target, { runtime, resolvers: { registry } });
  await using client = createClient(ShapesServiceDefinition, channel, {
    interceptors: { perCall: [look] },
  });
  told.push(String(await rejection(client.unary({}, { timeoutMs: 50, waitForReady: true }))));
  for (const path of ['/metrics', '/snapshot', '/console/policy']) {
    const { body } = await ask(running.admin, path);
    expect(body).toContain('registry://…@host:8500/orders');
    told.push(body);
  }
  told.push(running.pair.log);
  expect(asked).toEqual([target]);
  expect(told[0]).toBe('registry://…@host:8500/orders');
  expect(JSON.stringify(told)).not.toContain(SECRET);
});
