// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { describe, expect, test } from 'vitest';

import {
  DeprecationsServiceDefinition,
  OldServiceDefinition,
} from '../../../generated/inboard/testing/v1/deprecations.ts';
import { ShapesServiceDefinition } from '../../../generated/inboard/testing/v1/shapes.ts';
import type { Identity, Runtime } from '../../../src/index.ts';
import {
  createClient,
  createRuntime,
  createServer,
  Metrics,
  ServerError,
  Status,
} from '../../../src/index.ts';
import { methodsOf } from '../../../src/core/definition.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import { collect, deferred, rejection, TRANSPORTS } from '../../support/harness.ts';
import { shapes } from '../../support/shapes-service.ts';
import { scrape } from '../metrics/exposition.ts';
import type { DeprecationsPair } from './service.ts';
import { partsIn, SERVICE, startDeprecations, usesIn } from './service.ts';

const PART = { oldBytes: Buffer.from('a') };

/** Requests of streams: whether each of them sets the field that is deprecated. */
async function* requests(...old: boolean[]): AsyncGenerator<object> {
  for (const set of old) yield set ? { oldText: 'a' } : { name: 'a' };
}

async function seriesIn(runtime: Runtime): Promise<readonly string[]> {
  const { series } = await scrape(runtime);
  return [...series.keys()].filter((key) => key.startsWith('inboard_deprecated'));
}

function named(service: string): Runtime {
  return createRuntime({ service, logger: recordingLogger() });
}

// What is counted as a call ends may come after the client's end of it: hence the polls.
describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const start = (): Promise<DeprecationsPair> =>
    startDeprecations({ transport: makeTransport(), runtime: named('shop') });

  test('a unary call counts where its method is deprecated', async () => {
    await using pair = await start();
    await pair.client.putOld({});
    await pair.client.putOld({ name: 'a' });
    await expect.poll(() => usesIn(pair.runtime)).toEqual({ 'PutOld shop': 2 });
  });

  test('a request counts each field that it sets once, however often it does', async () => {
    await using pair = await start();
    await pair.client.put({ name: 'a' });
    await pair.client.put({ oldText: 'a', parts: [PART, PART] });
    await pair.client.put({ oldText: 'b', tree: { children: [{ oldWeight: 1 }] } });
    await expect
      .poll(() => usesIn(pair.runtime))
      .toEqual({
        'Put PutRequest.old_text shop': 2,
        'Put Part.old_bytes shop': 1,
        'Put Tree.old_weight shop': 1,
      });
  });

  test('a client stream counts once, its fields once a message', async () => {
    await using pair = await start();
    await pair.client.upload(requests(false, true, true));
    await expect
      .poll(() => usesIn(pair.runtime))
      .toEqual({ 'Upload shop': 1, 'Upload UploadRequest.old_text shop': 2 });
  });

  test('a server stream counts once', async () => {
    await using pair = await start();
    await collect(pair.client.watch({ name: 'a' }));
    await collect(pair.client.watch({ oldText: 'a' }));
    await expect
      .poll(() => usesIn(pair.runtime))
      .toEqual({ 'Watch shop': 2, 'Watch WatchRequest.old_text shop': 1 });
  });

  test('a bidirectional stream counts once, its fields once a message', async () => {
    await using pair = await start();
    await collect(pair.client.chat(requests(true, false, true)));
    await expect
      .poll(() => usesIn(pair.runtime))
      .toEqual({ 'Chat shop': 1, 'Chat ChatRequest.old_text shop': 2 });
  });

  test('a stream without a message counts at its end', async () => {
    await using pair = await start();
    await pair.client.upload(requests());
    await collect(pair.client.chat(requests()));
    await expect.poll(() => usesIn(pair.runtime)).toEqual({ 'Upload shop': 1, 'Chat shop': 1 });
  });
});

test('a stream counts while it is open: it may be for days', async () => {
  const held = deferred();
  await using pair = await startDeprecations(
    { runtime: named('shop') },
    {
      async *watch() {
        yield {};
        await held.promise;
      },
    },
  );
  const stream = pair.client.watch({ oldText: 'a' });
  await stream.next();
  await expect
    .poll(() => usesIn(pair.runtime))
    .toEqual({ 'Watch shop': 1, 'Watch WatchRequest.old_text shop': 1 });
  held.resolve();
  await collect(stream);
  await expect
    .poll(() => usesIn(pair.runtime))
    .toEqual({ 'Watch shop': 1, 'Watch WatchRequest.old_text shop': 1 });
});

test('a call counts however it ends', async () => {
  const refuse = (): never => {
    throw new ServerError(Status.NOT_FOUND, 'none such');
  };
  await using pair = await startDeprecations({ runtime: named('shop') }, { putOld: refuse });
  expect(await rejection(pair.client.putOld({}))).toMatchObject({ code: Status.NOT_FOUND });
  await expect.poll(() => usesIn(pair.runtime)).toEqual({ 'PutOld shop': 1 });
});

test('of a service that is deprecated, all methods are', async () => {
  const runtime = named('shop');
  await using server = createServer({ runtime });
  server.add(OldServiceDefinition, { do: () => ({}) });
  const { address } = await server.listen('127.0.0.1:0');
  await using client = createClient(OldServiceDefinition, `static:///${address}`, { runtime });
  await client.do({});
  await expect
    .poll(() => seriesIn(runtime))
    .toEqual([
      'inboard_deprecated_use_total{method="inboard.testing.v1.OldService/Do",field="",caller="shop"}',
    ]);
});

test('all that is deprecated is known before anybody calls, and only that', async () => {
  await using pair = await startDeprecations();
  const own = partsIn(pair.runtime).filter((part) => !part.startsWith(`${SERVICE}/Put `));
  expect(own).toEqual([
    `${SERVICE}/PutOld`,
    `${SERVICE}/Upload`,
    `${SERVICE}/Upload inboard.testing.v1.UploadRequest.old_text`,
    `${SERVICE}/Watch`,
    `${SERVICE}/Watch inboard.testing.v1.WatchRequest.old_text`,
    `${SERVICE}/Chat`,
    `${SERVICE}/Chat inboard.testing.v1.ChatRequest.old_text`,
  ]);
  expect(partsIn(pair.runtime)).toHaveLength(own.length + 12);
});

test('two servers that serve one method count together', async () => {
  const runtime = named('shop');
  await using pair = await startDeprecations({ runtime });
  await using other = await startDeprecations({ runtime });
  await pair.client.putOld({});
  await other.client.putOld({});
  await expect.poll(() => usesIn(runtime)).toEqual({ 'PutOld shop': 2 });
});

test('without deprecations there is no layer and no series', async () => {
  const metrics = new Metrics();
  const next = async (): Promise<undefined> => undefined;
  const methods = methodsOf(DeprecationsServiceDefinition);
  const bound = methods.filter((method) => metrics.deprecated.layer(next, method) !== next);
  expect(bound.map(({ key }) => key)).toEqual(['put', 'putOld', 'upload', 'watch', 'chat']);

  const runtime = createRuntime();
  await using server = createServer({ runtime }).add(ShapesServiceDefinition, shapes);
  const { address } = await server.listen('127.0.0.1:0');
  await using client = createClient(ShapesServiceDefinition, `static:///${address}`, { runtime });
  await client.unary({});
  expect(partsIn(runtime)).toEqual([]);
  expect(await seriesIn(runtime)).toEqual([]);
});

test('counting never fails a call', async () => {
  const logger = recordingLogger();
  const authenticate = async (): Promise<Identity> => ({
    scheme: 'broken',
    claims: {},
    get subject(): string {
      throw new Error('out of order');
    },
  });
  const runtime = createRuntime({ logger });
  await using pair = await startDeprecations({ runtime, server: { authenticate } });
  expect(await pair.client.putOld({})).toEqual({});
  expect(await pair.client.put({ oldText: 'a' })).toEqual({});
  expect(await usesIn(runtime)).toEqual({});
  expect(logger.entries).toContainEqual(
    expect.objectContaining({ message: 'a call listener threw' }),
  );
});
