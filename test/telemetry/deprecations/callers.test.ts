// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { DeprecationsServiceDefinition } from '../../../generated/inboard/testing/v1/deprecations.ts';
import type { Authenticator, Metadata, Runtime } from '../../../src/index.ts';
import {
  ConfigError,
  createClient,
  createRuntime,
  createServer,
  grpcJsTransport,
  Metrics,
  Status,
} from '../../../src/index.ts';
import { recordingLogger, testRuntime } from '../../../src/testing/index.ts';
import { collect, rejection, TRANSPORTS } from '../../support/harness.ts';
import { fixtureTree } from '../../tooling/fixture-tree.ts';
import { scrape } from '../metrics/exposition.ts';
import type { DeprecationsPair } from './service.ts';
import { deprecations, SERVICE, startDeprecations, usesIn } from './service.ts';

const HEADER = 'x-inboard-caller';

/** Takes a caller for whoever its token says. */
const byToken: Authenticator = async ({ headers }) => {
  const subject = headers.get('authorization');
  return subject === undefined ? undefined : { scheme: 'test', subject, claims: {} };
};

function named(service?: string): Runtime {
  const logger = recordingLogger();
  return createRuntime(service === undefined ? { logger } : { service, logger });
}

/** The callers of the deprecated method, and how often each did. */
async function callersIn(runtime: Runtime): Promise<Readonly<Record<string, number>>> {
  const uses = Object.entries(await usesIn(runtime));
  return Object.fromEntries(uses.map(([key, calls]) => [key.replace(/^PutOld /, ''), calls]));
}

/** A server on an address of its own kind, and who called it there. */
async function callersAt(listenAddress: string): Promise<Readonly<Record<string, number>>> {
  const runtime = named();
  await using server = createServer({ runtime });
  server.add(DeprecationsServiceDefinition, deprecations);
  const { address } = await server.listen(listenAddress);
  const target = address.startsWith('unix:') ? address : `static:///${address}`;
  await using client = createClient(DeprecationsServiceDefinition, target, { runtime });
  await client.putOld({});
  return await callersIn(runtime);
}

describe('a caller is known by', () => {
  test('who it proved to be, whatever it calls itself', async () => {
    const runtime = named('checkout');
    await using pair = await startDeprecations({ runtime, server: { authenticate: byToken } });
    const metadata = { authorization: 'spiffe://prod/payments' };
    await pair.client.putOld({}, { metadata });
    await pair.client.put({ oldText: 'a' }, { metadata });
    await collect(pair.client.watch({}, { metadata }));
    expect(await usesIn(runtime)).toEqual({
      'PutOld spiffe://prod/payments': 1,
      'Put PutRequest.old_text spiffe://prod/payments': 1,
      'Watch spiffe://prod/payments': 1,
    });
  });

  test('what it calls itself, where nobody asks who it is or anyone may call', async () => {
    const runtime = named('shop/check-out_2.x');
    const server = { authenticate: byToken, authorize: { [SERVICE]: 'anyone' as const } };
    await using pair = await startDeprecations({ runtime });
    await using open = await startDeprecations({ runtime, server });
    await pair.client.putOld({});
    await open.client.putOld({});
    expect(await callersIn(runtime)).toEqual({ 'shop/check-out_2.x': 2 });
  });

  test('the address that it calls from, without the port', async () => {
    await using pair = await startDeprecations({ transport: grpcJsTransport() });
    await pair.client.putOld({});
    await pair.connect().putOld({});
    expect(await callersIn(pair.runtime)).toEqual({ '127.0.0.1': 2 });
    expect(await callersAt('[::1]:0')).toEqual({ '[::1]': 1 });
    const folder = await fixtureTree({});
    expect(await callersAt(`unix:${join(folder, 'a:b.sock')}`)).toEqual({ unix: 1 });
  });
});

test('whoever is not let in is not counted: anybody could have called itself anything', async () => {
  const runtime = named('checkout');
  await using pair = await startDeprecations({ runtime, server: { authenticate: byToken } });
  const refused = { code: Status.UNAUTHENTICATED };
  expect(await rejection(pair.client.putOld({}))).toMatchObject(refused);
  expect(await rejection(collect(pair.client.watch({})))).toMatchObject(refused);
  await pair.client.putOld({}, { metadata: { authorization: 'payments' } });
  expect(await callersIn(runtime)).toEqual({ payments: 1 });
});

describe('what cannot be a name', () => {
  const names: [what: string, name: string | string[]][] = [
    ['is too long', 'a'.repeat(65)],
    ['is empty', ''],
    ['has a space', 'check out'],
    ['has a quote', 'a"} 1'],
    ['has a backslash', 'a\\'],
    ['has braces', '{a}'],
    ['is a list', 'a,b'],
    ['is markup', '<script>'],
  ];
  test.each(names)('%s: the address is told', async (_what, name) => {
    await using pair = await startDeprecations({ transport: grpcJsTransport() });
    await pair.client.putOld({}, { metadata: { [HEADER]: name } });
    expect(await callersIn(pair.runtime)).toEqual({ '127.0.0.1': 1 });
    const refused = (): unknown => createRuntime({ service: String(name) });
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(/^service is ".*": give up to 64 letters, digits and \. _ \/ -$/s);
  });

  test.each(TRANSPORTS)('is two names: over %s, too', async (_name, makeTransport) => {
    await using pair = await startDeprecations({ transport: makeTransport() });
    await pair.client.putOld({}, { metadata: { [HEADER]: ['one', 'two'] } });
    const [caller] = Object.keys(await callersIn(pair.runtime));
    expect(caller).toMatch(/^(?:127\.0\.0\.1|in-memory)$/);
  });
});

test('a subject is told as far as a label can have it', async () => {
  const subject = `a"b\\c\nd\u001B[2J${'e'.repeat(200)}`;
  const authenticate: Authenticator = async () => ({ scheme: 'test', subject, claims: {} });
  await using pair = await startDeprecations({ server: { authenticate } });
  await pair.client.putOld({});
  // Reading the exposition fails for what is not of its format.
  const told = `a\\"b\\\\c?d?[2J${'e'.repeat(117)}`;
  expect(await callersIn(pair.runtime)).toEqual({ [told]: 1 });
});

describe('callers are bounded', () => {
  /** One call that uses the method and a field. */
  const call = async ({ client }: DeprecationsPair, name: string): Promise<void> => {
    await collect(client.watch({ oldText: 'a' }, { metadata: { [HEADER]: name } }));
  };

  test('10 000 make 101 series for each method and field', { timeout: 60_000 }, async () => {
    await using pair = await startDeprecations();
    await call(pair, 'caller-0');
    const before = (await scrape(pair.runtime)).series.size;
    for (let caller = 1; caller < 10_000; caller++) await call(pair, `caller-${caller}`);
    const { size } = (await scrape(pair.runtime)).series;
    expect(size - before).toBe(2 * 100);
    const uses = await usesIn(pair.runtime);
    for (const part of ['Watch', 'Watch WatchRequest.old_text']) {
      expect(uses).toMatchObject({ [`${part} caller-0`]: 1, [`${part} caller-99`]: 1 });
      expect(uses[`${part} other`]).toBe(9_900);
    }
  });

  test('there are as many as are asked for, the first that come', async () => {
    const runtime = createRuntime({ metrics: { maxCallers: 2 }, logger: recordingLogger() });
    await using pair = await startDeprecations({ runtime });
    for (const name of ['a', 'other', 'b', 'c', 'a', 'd']) await call(pair, name);
    const uses = { a: 2, b: 1, other: 3 };
    const of = (part: string): [string, number][] =>
      Object.entries(uses).map(([caller, calls]) => [`${part} ${caller}`, calls]);
    expect(await usesIn(runtime)).toEqual(
      Object.fromEntries([...of('Watch'), ...of('Watch WatchRequest.old_text')]),
    );
    const wrong = (): unknown => new Metrics({ maxCallers: -1 });
    expect(wrong).toThrow('metrics.maxCallers is -1: give a whole number of 0 or more');
  });
});

describe('a client', () => {
  /** What of it the server got, call by call. */
  async function sentBy(runtime: Runtime, own: object = {}): Promise<unknown[]> {
    const got: unknown[] = [];
    const note = ({ metadata }: { readonly metadata: Metadata }): object => {
      got.push(metadata.get(HEADER));
      return {};
    };
    await using pair = await startDeprecations(
      { runtime, transport: grpcJsTransport() },
      {
        plain: (_request, context) => note(context),
        async *chat(_requests, context) {
          yield note(context);
        },
      },
    );
    await pair.client.plain({}, own);
    await collect(pair.client.chat((async function* none() {})(), own));
    return got;
  }

  test('says nothing of itself unless it is told to', async () => {
    expect(await sentBy(named())).toEqual([undefined, undefined]);
    expect(await sentBy(named('shop'))).toEqual(['shop', 'shop']);
  });

  test('leaves what a call says of itself', async () => {
    const own = { metadata: { [HEADER]: 'somebody-else' } };
    expect(await sentBy(named('shop'), own)).toEqual(['somebody-else', 'somebody-else']);
  });

  test('cannot be made with a name that no server would take', () => {
    const runtime = testRuntime({ service: 'two words' });
    const make = (): unknown =>
      createClient(DeprecationsServiceDefinition, 'static:///127.0.0.1:1', { runtime });
    expect(make).toThrow('service is "two words"');
  });
});
