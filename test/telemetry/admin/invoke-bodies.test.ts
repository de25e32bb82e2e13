import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../../../scripts/lib/run.ts';
import { deferred } from '../../support/harness.ts';
import type { ShapesImplementation } from '../../support/harness.ts';
import type { AdminPair } from './support.ts';
import { adminPair, ask } from './support.ts';

const BODY = JSON.stringify({
  service: 'inboard.testing.v1.ShapesService',
  method: 'Unary',
  message: {},
});

async function invokable(shapes: Partial<ShapesImplementation> = {}): Promise<AdminPair> {
  const descriptors = await readFile(join(root, 'generated', 'descriptors.binpb'));
  return adminPair({ invoke: true }, { shapes, server: { reflection: { descriptors } } });
}

/** A request whose body has come but for its last byte. */
async function unfinished({ admin: { port, url } }: AdminPair): Promise<ClientRequest> {
  const length = Buffer.byteLength(BODY);
  const headers = { Origin: url, 'Content-Type': 'application/json', 'Content-Length': length };
  const path = '/console/invoke';
  const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false });
  await new Promise<void>((resolve) => {
    sent.write(BODY.slice(0, -1), () => resolve());
  });
  return sent;
}

test('eight calls are under way at a time, however slowly more of them were asked for', async () => {
  const release = deferred();
  let begun = 0;
  const unary = async (): Promise<object> => {
    begun++;
    await release.promise;
    return {};
  };
  await using running = await invokable({ unary });
  const sent = await Promise.all(Array.from({ length: 12 }, () => unfinished(running)));
  await ask(running.admin, '/healthz');
  const statuses: (number | undefined)[] = [];
  const answered = sent.map(async (one) => {
    const [response] = (await once(one.end(BODY.slice(-1)), 'response')) as [IncomingMessage];
    statuses.push(response.resume().statusCode);
  });
  await expect.poll(() => begun + statuses.length).toBe(12);
  expect([begun, ...statuses]).toEqual([8, 429, 429, 429, 429]);
  release.resolve();
  await Promise.all(answered);
  expect(statuses.filter((status) => status === 200)).toHaveLength(8);
});

test('a request that is never finished is no failure of the listener', async () => {
  await using running = await invokable();
  const sent = await unfinished(running);
  const gone = new Promise(
    (resolve) => void sent.on('error', () => undefined).on('close', resolve),
  );
  expect((await ask(running.admin, '/healthz')).status).toBe(200);
  sent.destroy();
  await gone;
  // Its end has come by the time that others are answered who came after it.
  for (let later = 0; later < 5; later++) await ask(running.admin, '/healthz');
  expect(running.pair.log).toEqual([]);
});
