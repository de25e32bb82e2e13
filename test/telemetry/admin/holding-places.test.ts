import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';

import { Gauge } from 'prom-client';
import { expect, test, vi } from 'vitest';

import { metricsOf } from '../../../src/index.ts';
import type { AdminPair } from './support.ts';
import { adminPair, ask } from './support.ts';

/** More than are served at a time. */
const MANY = 40;

/**
 * Whoever waits longer than this is kept out: others would hold their places for 90 s, and lose them
 * after a second or so.
 */
const SOON_MS = 20_000;

vi.setConfig({ testTimeout: 2 * SOON_MS });

/** Connections that each send so much and read nothing. */
async function holdPlaces({ admin }: AdminPair, text: string): Promise<Disposable> {
  const sockets = Array.from({ length: MANY }, (): Socket => {
    const socket = connect(admin.port, '127.0.0.1').pause();
    return socket.on('error', () => undefined);
  });
  for (const socket of sockets) {
    await once(socket, 'connect');
    socket.write(text);
  }
  return {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** How long a probe takes that is answered, in ms. */
async function probedMs({ admin }: AdminPair): Promise<number> {
  const beginMs = performance.now();
  const { status } = await ask(admin, '/healthz');
  return status === 200 ? performance.now() - beginMs : Infinity;
}

test('who never sends the rest of a body keeps no probe out', async () => {
  await using running = await adminPair({ invoke: true });
  const head = [
    'POST /console/invoke HTTP/1.1',
    `Host: localhost:${running.admin.port}`,
    `Origin: http://localhost:${running.admin.port}`,
    'Content-Type: application/json',
    'Content-Length: 1000',
  ];
  using _held = await holdPlaces(running, `${head.join('\r\n')}\r\n\r\n{`);
  expect(await probedMs(running)).toBeLessThan(SOON_MS);
  expect(running.pair.log).toEqual([]);
});

test('who does not take a large answer keeps no probe out', async () => {
  await using running = await adminPair();
  // More than the system buffers for a connection that nobody reads.
  const large = new Gauge({ name: 'large', help: 'x'.repeat(16 * 1024 * 1024), registers: [] });
  metricsOf(running.pair.runtime)?.registry.registerMetric(large);
  const { port } = running.admin;
  using _held = await holdPlaces(
    running,
    `GET /metrics HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
  );
  expect(await probedMs(running)).toBeLessThan(SOON_MS);
});
