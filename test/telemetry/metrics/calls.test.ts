import { describe, expect, test } from 'vitest';

import { ServerError, Status } from '../../../src/index.ts';
import type { Pair } from '../../support/harness.ts';
import { collect, deferred, rejection, startPair, TRANSPORTS } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { metricsIn, scrape, SERVICE, seriesOf } from './exposition.ts';

type Counts = Readonly<Record<string, number>>;

/** Success and failures have series also where there were none. */
const ALWAYS: Counts = {
  ...{ OK: 0, Unknown: 0, DeadlineExceeded: 0, ResourceExhausted: 0, Unimplemented: 0 },
  ...{ Internal: 0, Unavailable: 0, DataLoss: 0 },
};

/** Waits until nothing is in flight: the server's end of a call may come after the client's. */
async function settled(pair: Pair): Promise<void> {
  const { clients, servers } = metricsIn(pair.runtime);
  const meters = [...clients.values(), ...servers.values()];
  await expect.poll(() => meters.every(({ inFlight }) => inFlight === 0)).toBe(true);
}

/** What both sides have counted of a method's calls, times left out. */
async function countsOf(pair: Pair, method: string): Promise<Counts> {
  await settled(pair);
  const all = Object.entries(seriesOf(await scrape(pair.runtime), method));
  return Object.fromEntries(
    all.filter(([key]) => key.startsWith('grpc_') && !/_bucket|_sum/.test(key)),
  );
}

/** What go-grpc-prometheus would say of one method. */
function counts(
  side: 'client' | 'server',
  of: {
    readonly codes: Counts;
    readonly received: number;
    readonly sent: number;
  },
): Counts {
  const calls = Object.values(of.codes).reduce((sum, count) => sum + count, 0);
  const codes = Object.entries({ ...ALWAYS, ...of.codes }).map(
    ([code, count]): [string, number] => [`grpc_${side}_handled_total{grpc_code="${code}"}`, count],
  );
  return {
    [`grpc_${side}_started_total`]: calls,
    ...Object.fromEntries(codes),
    [`grpc_${side}_msg_received_total`]: of.received,
    [`grpc_${side}_msg_sent_total`]: of.sent,
    [`grpc_${side}_handling_seconds_count`]: calls,
  };
}

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  const transport = makeTransport;

  test('unary calls', async () => {
    await using pair = await startPair({}, { transport: transport() });
    await pair.client.unary({ sample: { text: 'a' } });
    await pair.client.unary({ sample: { text: 'b' } });
    expect(await countsOf(pair, 'Unary')).toEqual({
      ...counts('client', { codes: { OK: 2 }, received: 2, sent: 2 }),
      ...counts('server', { codes: { OK: 2 }, received: 2, sent: 2 }),
    });
  });

  test('unary calls that fail have sent no response', async () => {
    const refuse = async (): Promise<never> => {
      throw new ServerError(Status.NOT_FOUND, 'none such');
    };
    await using pair = await startPair({ unary: refuse }, { transport: transport() });
    await rejection(pair.client.unary({}));
    expect(await countsOf(pair, 'Unary')).toEqual({
      ...counts('client', { codes: { NotFound: 1 }, received: 0, sent: 1 }),
      ...counts('server', { codes: { NotFound: 1 }, received: 1, sent: 0 }),
    });
  });

  test('client streams count each request, and the response', async () => {
    await using pair = await startPair({}, { transport: transport() });
    await pair.client.clientStream(samples('a', 'b', 'c'));
    expect(await countsOf(pair, 'ClientStream')).toEqual({
      ...counts('client', { codes: { OK: 1 }, received: 1, sent: 3 }),
      ...counts('server', { codes: { OK: 1 }, received: 3, sent: 1 }),
    });
  });

  test('server streams count the request, and each response', async () => {
    await using pair = await startPair({}, { transport: transport() });
    await collect(pair.client.serverStream({ sample: { text: 'a' }, count: 4 }));
    expect(await countsOf(pair, 'ServerStream')).toEqual({
      ...counts('client', { codes: { OK: 1 }, received: 4, sent: 1 }),
      ...counts('server', { codes: { OK: 1 }, received: 1, sent: 4 }),
    });
  });

  test('bidirectional streams count both', async () => {
    await using pair = await startPair({}, { transport: transport() });
    await collect(pair.client.bidi(samples('a', 'b')));
    await collect(pair.client.bidi(samples('c')));
    expect(await countsOf(pair, 'Bidi')).toEqual({
      ...counts('client', { codes: { OK: 2 }, received: 3, sent: 3 }),
      ...counts('server', { codes: { OK: 2 }, received: 3, sent: 3 }),
    });
  });

  test('a stream that is left early is cancelled, one that is never read is no call', async () => {
    const held = deferred();
    async function* open(): AsyncGenerator<object> {
      yield {};
      await held.promise;
    }
    await using pair = await startPair({ serverStream: open }, { transport: transport() });
    pair.client.serverStream({});
    for await (const _ of pair.client.serverStream({})) break;
    const found = await countsOf(pair, 'ServerStream');
    expect(found).toMatchObject({
      grpc_client_started_total: 1,
      'grpc_client_handled_total{grpc_code="Canceled"}': 1,
      grpc_server_started_total: 1,
      'grpc_server_handled_total{grpc_code="Canceled"}': 1,
      grpc_client_msg_sent_total: 1,
      grpc_server_msg_received_total: 1,
      grpc_server_msg_sent_total: 1,
    });
    held.resolve();
  });

  test('a call in flight, one that its caller cancels, and one that runs out of time', async () => {
    const held = deferred();
    const arrived = deferred();
    const unary = async (): Promise<object> => {
      arrived.resolve();
      await held.promise;
      return {};
    };
    await using pair = await startPair({ unary }, { transport: transport() });
    const controller = new AbortController();
    const call = rejection(pair.client.unary({}, { signal: controller.signal }));
    await arrived.promise;
    expect(metricsIn(pair.runtime).clients.get(`/${SERVICE}/Unary`)?.inFlight).toBe(1);
    expect(seriesOf(await scrape(pair.runtime), 'Unary')).toMatchObject({
      inboard_client_in_flight: 1,
      inboard_server_in_flight: 1,
    });
    controller.abort();
    await call;
    expect(await countsOf(pair, 'Unary')).toEqual({
      ...counts('client', { codes: { Canceled: 1 }, received: 0, sent: 1 }),
      ...counts('server', { codes: { Canceled: 1 }, received: 1, sent: 0 }),
    });
    await rejection(pair.client.unary({}, { timeoutMs: 30 }));
    // Whose timer comes first is nobody's to say: the server may see a client that has gone.
    expect(await countsOf(pair, 'Unary')).toMatchObject({
      ...counts('client', { codes: { Canceled: 1, DeadlineExceeded: 1 }, received: 0, sent: 2 }),
      grpc_server_started_total: 2,
      grpc_server_handling_seconds_count: 2,
      grpc_server_msg_sent_total: 0,
    });
    held.resolve();
  });
});

test('families have the names and types of go-grpc-prometheus', async () => {
  await using pair = await startPair();
  await pair.client.unary({});
  await settled(pair);
  const { types, series } = await scrape(pair.runtime);
  const found = [...types].filter(([name]) => name.startsWith('grpc_'));
  expect(found.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    ['grpc_client_handled_total', 'counter'],
    ['grpc_client_handling_seconds', 'histogram'],
    ['grpc_client_msg_received_total', 'counter'],
    ['grpc_client_msg_sent_total', 'counter'],
    ['grpc_client_started_total', 'counter'],
    ['grpc_server_handled_total', 'counter'],
    ['grpc_server_handling_seconds', 'histogram'],
    ['grpc_server_msg_received_total', 'counter'],
    ['grpc_server_msg_sent_total', 'counter'],
    ['grpc_server_started_total', 'counter'],
  ]);
  const method = `grpc_type="unary",grpc_service="${SERVICE}",grpc_method="Unary"`;
  const ofServer = [...series.keys()].filter(
    (key) => key.startsWith('grpc_server_') && key.includes(method),
  );
  const bounds = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10'];
  expect(ofServer.toSorted()).toEqual(
    [
      `grpc_server_started_total{${method}}`,
      ...Object.keys(ALWAYS).map(
        (code) => `grpc_server_handled_total{${method},grpc_code="${code}"}`,
      ),
      `grpc_server_msg_received_total{${method}}`,
      `grpc_server_msg_sent_total{${method}}`,
      ...[...bounds, '+Inf'].map(
        (le) => `grpc_server_handling_seconds_bucket{${method},le="${le}"}`,
      ),
      `grpc_server_handling_seconds_sum{${method}}`,
      `grpc_server_handling_seconds_count{${method}}`,
    ].toSorted(),
  );
});

test('each shape has its type, each code its name in Go', async () => {
  let code = 0;
  const unary = async (): Promise<object> => {
    if (code === 0) return {};
    throw new ServerError(code, 'as asked');
  };
  await using pair = await startPair({ unary }, { client: { defaults: { breaker: false } } });
  for (code = 0; code <= 16; code++) await pair.client.unary({}).catch(() => undefined);
  await pair.client.clientStream(samples('a'));
  await collect(pair.client.serverStream({ count: 1 }));
  await collect(pair.client.bidi(samples('a')));
  await settled(pair);
  const keys = [...(await scrape(pair.runtime)).series.keys()].join('\n');
  const labelled = (label: string, family: string): string[] =>
    [...keys.matchAll(new RegExp(`^${family}\\{.*${label}="(\\w+)"`, 'gm'))].map(
      ([, value]) => value ?? '',
    );
  expect(new Set(labelled('grpc_type', 'grpc_server_started_total'))).toEqual(
    new Set(['unary', 'client_stream', 'server_stream', 'bidi_stream']),
  );
  const names = [
    'OK',
    'Canceled',
    'Unknown',
    'InvalidArgument',
    'DeadlineExceeded',
    'NotFound',
    'AlreadyExists',
    'PermissionDenied',
    'ResourceExhausted',
    'FailedPrecondition',
    'Aborted',
    'OutOfRange',
    'Unimplemented',
    'Internal',
    'Unavailable',
    'DataLoss',
    'Unauthenticated',
  ];
  expect(new Set(labelled('grpc_code', 'grpc_server_handled_total'))).toEqual(new Set(names));
});
