import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createFileRegistry, fromBinary, fromJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Identity, Metadata, ServerCall, ServerOptions } from '../../../src/index.ts';
import { ServerError, Status } from '../../../src/index.ts';
import { fieldsOf, templateOf } from '../../../src/telemetry/admin/invoke/template.ts';
import { deferred } from '../../support/harness.ts';
import type { ShapesImplementation } from '../../support/harness.ts';
import type { AdminPair, Answer } from './support.ts';
import { adminPair, ask, bodyOf } from './support.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const KEY_HOLDER: Identity = { scheme: 'key', subject: 'me', claims: {} };
let folder = '';
let descriptors: Uint8Array = new Uint8Array();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-invoke-'));
  const file = join(folder, 'descriptors.binpb');
  await promisify(execFile)('buf', ['build', '--as-file-descriptor-set', '-o', file]);
  descriptors = await readFile(file);
});

afterAll(() => rm(folder, { recursive: true }));

function reflected(
  shapes: Partial<ShapesImplementation> = {},
  server: ServerOptions = {},
): Promise<AdminPair> {
  return adminPair(
    { invoke: true },
    { shapes, server: { reflection: { descriptors }, ...server } },
  );
}

function invoke(
  { admin }: AdminPair,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return ask(admin, '/console/invoke', {
    method: 'POST',
    headers: {
      Origin: admin.url,
      'Content-Type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function call(method: string, message: unknown, more: object = {}): object {
  return { service: SERVICE, method, message, ...more };
}

describe('a call from the console', () => {
  test('of a unary method sends JSON and gets JSON', async () => {
    await using running = await reflected();
    const sample = { text: 'a', big: '9007199254740993', labels: { k: 'v' }, numbers: ['1', '2'] };
    const answer = await invoke(running, call('Unary', { sample }));
    expect(answer.status).toBe(200);
    expect(bodyOf(answer)).toMatchObject({
      code: 'OK',
      details: '',
      // 64 bits survive, for they travel as text.
      messages: [{ sample }],
      dropped: 0,
    });
  });

  test('of each streaming shape sends and gets lists', async () => {
    await using running = await reflected();
    const stream = [{ sample: { text: 'a' } }, { sample: { text: 'b' } }];
    const [server, client, bidi] = await Promise.all([
      invoke(running, call('ServerStream', { sample: { text: 'a' }, count: 2 })),
      invoke(running, call('ClientStream', stream)),
      invoke(running, call('Bidi', stream)),
    ]);
    expect(bodyOf(server)).toMatchObject({ code: 'OK', messages: [{ index: 0 }, { index: 1 }] });
    expect(bodyOf(client)).toMatchObject({
      code: 'OK',
      messages: [{ count: 2, last: { text: 'b' } }],
    });
    expect(bodyOf(bidi)).toMatchObject({
      messages: [{ sample: { text: 'a' } }, { sample: { text: 'b' } }],
    });
    const nothing = await invoke(running, call('ClientStream', []));
    expect(bodyOf(nothing)).toMatchObject({ code: 'OK', messages: [{ count: 0 }] });
  });

  test('that fails is told with its status and what came with it', async () => {
    const unary = async (_request: unknown, context: { header: Metadata }): Promise<never> => {
      context.header.set('x-seen', 'yes');
      const error = new ServerError(Status.NOT_FOUND, 'no such thing');
      throw error;
    };
    await using running = await reflected({ unary });
    const answer = await invoke(running, call('Unary', {}));
    expect(answer.status).toBe(200);
    expect(bodyOf(answer)).toMatchObject({
      code: 'NOT_FOUND',
      details: 'no such thing',
      messages: [],
      trailer: { 'x-seen': 'yes' },
    });
  });

  test('passes the whole stack: authentication, limits and counts', async () => {
    const server = {
      authenticate: async ({ headers }: ServerCall): Promise<Identity | undefined> =>
        headers.get('x-key') === 'secret' ? KEY_HOLDER : undefined,
      authorize: { [SERVICE]: 'authenticated' as const },
    };
    const seen: string[] = [];
    const unary: ShapesImplementation['unary'] = async (_request, { metadata, call: { peer } }) => {
      seen.push(`${String(metadata.get('x-tag-bin'))} ${peer.address}`);
      return {};
    };
    await using running = await reflected({ unary }, server);
    const without = await invoke(running, call('Unary', {}));
    expect(bodyOf(without)).toMatchObject({ code: 'UNAUTHENTICATED' });
    const metadata = { 'X-Key': 'secret', 'x-tag-bin': 'AQI=' };
    const allowed = await invoke(running, call('Unary', {}, { metadata }));
    expect(bodyOf(allowed)).toMatchObject({ code: 'OK' });
    expect(seen).toEqual(['1,2 admin-console']);
    const { body } = await ask(running.admin, '/metrics');
    expect(body).toMatch(
      /^grpc_server_handled_total\{.*grpc_method="Unary".*"Unauthenticated".*\} 1$/m,
    );
  });

  test('ends with its deadline', async () => {
    await using running = await reflected({ unary: () => new Promise(() => undefined) });
    const answer = await invoke(running, call('Unary', {}, { timeoutMs: 50 }));
    expect(bodyOf(answer)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('ends with its deadline where no layer sees to that', async () => {
    const server = { stack: 'bare' as const };
    await using running = await reflected({ unary: () => new Promise(() => undefined) }, server);
    const answer = await invoke(running, call('Unary', {}, { timeoutMs: 50 }));
    expect(bodyOf(answer)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('ends when its page is left', async () => {
    const arrived = deferred();
    const cancelled = deferred();
    const unary: ShapesImplementation['unary'] = (_request, { signal }) => {
      signal.addEventListener('abort', () => cancelled.resolve());
      arrived.resolve();
      return new Promise(() => undefined);
    };
    await using running = await reflected({ unary });
    const { url, port } = running.admin;
    const headers = { Origin: url, 'Content-Type': 'application/json' };
    const path = '/console/invoke';
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false });
    // Its deadline is not what ends it.
    const body = JSON.stringify(call('Unary', {}, { timeoutMs: 60_000 }));
    sent.on('error', () => undefined).end(body);
    await arrived.promise;
    sent.destroy();
    await cancelled.promise;
    // And is counted as over.
    await expect.poll(() => running.pair.server.snapshot().inFlight).toBe(0);
  });

  test('of a stream without end gets 100 messages and ends it', async () => {
    const ended = deferred();
    const serverStream: ShapesImplementation['serverStream'] = async function* () {
      try {
        for (let index = 0; ; index++) yield { index };
      } finally {
        ended.resolve();
      }
    };
    await using running = await reflected({ serverStream });
    const body = bodyOf(await invoke(running, call('ServerStream', {}))) as {
      readonly code: string;
      readonly messages: readonly unknown[];
      readonly dropped: number;
    };
    await ended.promise;
    expect(body.messages.length).toBe(100);
    expect(body.dropped).toBeGreaterThan(0);
    expect(body.code).toBe('CANCELLED');
  });

  test('is one of eight at a time', async () => {
    const release = deferred();
    const begun: (() => void)[] = [];
    const eight = deferred();
    const unary = async (): Promise<object> => {
      if (begun.push(() => undefined) === 8) eight.resolve();
      await release.promise;
      return {};
    };
    await using running = await reflected({ unary });
    const calls = Array.from({ length: 8 }, () => invoke(running, call('Unary', {})));
    await eight.promise;
    const more = await invoke(running, call('Unary', {}));
    expect([more.status, more.headers['retry-after']]).toEqual([429, '1']);
    release.resolve();
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
  });
});

describe('a call over a limit of its server', () => {
  const sample = { text: 'x'.repeat(2_000) };

  test.each<[string, ServerOptions['limits'], object, RegExp]>([
    ['a message', { messageBytes: 1_000 }, call('Unary', { sample }), /over the limit of 1000$/],
    [
      'a later message',
      { messageBytes: 1_000 },
      call('ClientStream', [{}, { sample }]),
      /over the limit of 1000$/,
    ],
    [
      'metadata',
      {},
      call('Unary', {}, { metadata: { a: 'x'.repeat(20_000) } }),
      /takes 20033 bytes; the limit is 16384$/,
    ],
    [
      'metadata pairs',
      { metadataPairs: 1 },
      call('Unary', {}, { metadata: { a: 'x', b: 'y' } }),
      /has 2 pairs; the limit is 1$/,
    ],
  ])('in %s ends as it does over a wire', async (_what, limits, body, details) => {
    await using running = await reflected({}, { limits: limits ?? {} });
    const answer = bodyOf(await invoke(running, body)) as { code: string; details: string };
    expect(answer.code).toBe('RESOURCE_EXHAUSTED');
    expect(answer.details).toMatch(details);
  });

  test('is none where the server takes as much', async () => {
    const limits = { metadataBytes: 32 * 1024 };
    await using running = await reflected({}, { limits });
    const metadata = { a: 'x'.repeat(20_000) };
    const answer = bodyOf(await invoke(running, call('Unary', {}, { metadata })));
    expect(answer).toMatchObject({ code: 'OK' });
  });
});

describe('a call that is refused', () => {
  test('is any where nobody turned it on, and the answer says how to', async () => {
    await using running = await adminPair({}, { server: { reflection: { descriptors } } });
    const answer = await invoke(running, call('Unary', {}));
    expect(answer.status).toBe(403);
    expect(bodyOf(answer)).toEqual({
      error: 'Calls from here are off: pass { invoke: true } to admin.listen()',
    });
  });

  test('is one without the console’s own Origin, or in another format', async () => {
    const unary = async (): Promise<never> => {
      throw new Error('nobody may get here');
    };
    await using running = await reflected({ unary });
    const options = { method: 'POST', body: JSON.stringify(call('Unary', {})) };
    const json = { 'Content-Type': 'application/json' };
    const without = await ask(running.admin, '/console/invoke', { ...options, headers: json });
    expect(without.status).toBe(403);
    expect((await invoke(running, call('Unary', {}), { Origin: 'null' })).status).toBe(403);
    const elsewhere = { Origin: 'http://localhost:3000' };
    expect((await invoke(running, call('Unary', {}), elsewhere)).status).toBe(403);
    // What a form may send without being asked for leave.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
      const answer = await invoke(running, call('Unary', {}), { 'Content-Type': type });
      expect([type, answer.status]).toEqual([type, 415]);
    }
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /^The body is no JSON: /],
    ['no object', '[]', /^The body must be an object$/],
    ['an unknown key', { ...call('Unary', {}), retries: 1 }, /^retries: there is no such field$/],
    ['no message', { service: SERVICE, method: 'Unary' }, /^message: is missing$/],
    ['no service', { method: 'Unary', message: {} }, /^service: give a name$/],
    ['an unknown method', call('Nothing', {}), /^method: no server here has .*\/Nothing /],
    ['an unknown field', call('Unary', { sampel: {} }), /^message: .*"sampel" is unknown/],
    ['a wrong type', call('Unary', { sample: { text: 5 } }), /^message: .*Sample\.text.*/],
    ['a bad enum', call('Unary', { sample: { color: 'COLOR_PLAID' } }), /^message: .*color/i],
    ['no list for a stream', call('Bidi', {}), /^message: the request is a stream/],
    ['a bad item', call('Bidi', [{}, { x: 1 }]), /^message\[1\]: .*"x" is unknown/],
    ['too long a time', call('Unary', {}, { timeoutMs: 60_001 }), /^timeoutMs: /],
    ['no time', call('Unary', {}, { timeoutMs: 0 }), /^timeoutMs: /],
    ['metadata of no text', call('Unary', {}, { metadata: { a: 1 } }), /^metadata\['a'\]: /],
    ['bad metadata', call('Unary', {}, { metadata: { 'a b': 'x' } }), /^metadata\['a b'\]: /],
    ['reserved metadata', call('Unary', {}, { metadata: { 'grpc-timeout': '1S' } }), /reserved/],
  ])('for %s is told what and why', async (_what, body, reason) => {
    await using running = await reflected();
    const answer = await invoke(running, body);
    expect(answer.status).toBe(400);
    expect((bodyOf(answer) as { readonly error: string }).error).toMatch(reason);
  });

  test('is one of more than 1 MiB', async () => {
    await using running = await reflected();
    const { port, url } = running.admin;
    const headers = { Origin: url, 'Content-Type': 'application/json' };
    const path = '/console/invoke';
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false });
    sent.on('error', () => undefined);
    sent.write('x'.repeat(1024 * 1024 + 1));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    response.resume();
    sent.destroy();
  });
});

describe('/console/methods', () => {
  test('has each method that is served and described, with a template', async () => {
    await using running = await reflected();
    const methods = bodyOf(await ask(running.admin, '/console/methods')) as {
      readonly service: string;
      readonly method: string;
      readonly type: string;
      readonly template: string;
      readonly fields: readonly string[];
    }[];
    const unary = methods.find(({ method }) => method === 'Unary');
    expect(unary).toMatchObject({ service: SERVICE, type: 'unary' });
    expect(unary?.fields).toEqual(['sample: inboard.testing.v1.Sample']);
    expect(JSON.parse(unary?.template ?? '')).toMatchObject({ sample: { text: '', big: '0' } });
    expect(methods.map(({ service }) => service)).not.toContain('orders.v1.OrdersService');
    // A template is sent as it is.
    const answer = await invoke(running, call('Unary', JSON.parse(unary?.template ?? '')));
    expect(bodyOf(answer)).toMatchObject({ code: 'OK' });
  });

  test('is empty where calls from here are off', async () => {
    await using running = await adminPair({}, { server: { reflection: { descriptors } } });
    expect(bodyOf(await ask(running.admin, '/console/methods'))).toEqual([]);
  });

  test('tells other machines only what reflection tells them, too', async () => {
    const count = async (everywhere: boolean): Promise<number> => {
      const server = { reflection: { descriptors, everywhere } };
      await using running = await reflected({}, server);
      const open = await running.pair.server.admin.listen('0.0.0.0:0', { invoke: true });
      return (bodyOf(await ask(open, '/console/methods')) as readonly unknown[]).length;
    };
    expect(await count(false)).toBe(0);
    expect(await count(true)).toBeGreaterThan(0);
  });

  test('is empty where no server has descriptors', async () => {
    await using running = await adminPair({ invoke: true });
    expect(bodyOf(await ask(running.admin, '/console/methods'))).toEqual([]);
  });
});

describe('a template', () => {
  test('is a message of its type, for every message there is', () => {
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
    const messages = [...registry].filter((each) => each.kind === 'message');
    expect(messages.length).toBeGreaterThan(50);
    for (const message of messages) {
      const template = templateOf(message);
      expect(() => fromJson(message, template, { registry })).not.toThrow();
      expect(fieldsOf(message).length).toBe(message.fields.length);
    }
  });
});
