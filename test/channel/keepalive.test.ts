import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

import { expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, Status } from '../../src/index.ts';
import { rejection, startPair, testRuntime } from '../support/harness.ts';

/** A relay that can fall silent without closing anything, as a machine that lost its power does. */
async function relay(port: number) {
  const sockets = new Set<Socket>();
  let silent = false;
  let accepted = 0;
  const server = createServer((near) => {
    accepted++;
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!silent) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    fallSilent: () => {
      silent = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function callThroughSilence(keepalive: {
  timeMs: number;
  timeoutMs: number;
}): Promise<unknown> {
  const arrived = Promise.withResolvers<void>();
  await using pair = await startPair({
    unary: () => {
      arrived.resolve();
      return new Promise<never>(() => undefined);
    },
  });
  await using line = await relay(pair.port);
  await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${line.port}`, {
    runtime: testRuntime(),
    keepalive,
  });
  const call = rejection(client.unary({}, { timeoutMs: 1_500 }));
  await arrived.promise;
  line.fallSilent();
  // Awaited here: what was opened is closed when this function ends.
  return await call;
}

test('a waiting call learns by keepalive that its connection is dead', async () => {
  const error = await callThroughSilence({ timeMs: 50, timeoutMs: 50 });
  expect(error).toMatchObject({ code: Status.UNAVAILABLE, processed: 'unknown' });
});

test('without keepalive it waits for its deadline', async () => {
  const error = await callThroughSilence({ timeMs: 60_000, timeoutMs: 50 });
  expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
});

test('an idle connection is not pinged', async () => {
  await using pair = await startPair();
  await using line = await relay(pair.port);
  await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${line.port}`, {
    runtime: testRuntime(),
    keepalive: { timeMs: 150, timeoutMs: 20 },
  });
  await client.unary({});
  line.fallSilent();
  // A ping would find nobody and close the connection; several were due by then.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(line.accepted()).toBe(1);
});
