import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { Status } from '../../src/index.ts';
import type { Pair } from '../support/harness.ts';
import { startPair } from '../support/harness.ts';
import type { RawClient } from '../support/raw-http2.ts';
import { callHeaders, EMPTY_MESSAGE, rawClient, statusOf } from '../support/raw-http2.ts';

const UNARY = '/inboard.testing.v1.ShapesService/Unary';

/** Runs `body` with a server, and shows at the end that a neighbour was not harmed by it. */
async function unharmed(body: (raw: RawClient, pair: Pair) => Promise<void>): Promise<void> {
  await using pair = await startPair();
  await using raw = rawClient(pair.port);
  await body(raw, pair);
  const sameConnection = await raw.send(callHeaders(UNARY));
  expect(statusOf(sameConnection).code).toBe(Status.OK);
  expect(await pair.client.unary({ sample: { text: 'neighbour' } })).toMatchObject({
    sample: { text: 'neighbour' },
  });
}

describe('what is no gRPC call is refused, and its neighbours go on', () => {
  test.each([
    ['/inboard.testing.v1.ShapesService/Nothing', "has no method 'Nothing'"],
    ['/no.such.Service/Unary', "'no.such.Service' is not served here"],
    ['/', "'' is not served here"],
    ['/a/b/c', "'a' is not served here"],
    ['/inboard.testing.v1.ShapesService', "has no method ''"],
  ])('path %s', (path, message) =>
    unharmed(async (raw) => {
      const status = statusOf(await raw.send(callHeaders(path)));
      expect(status.code).toBe(Status.UNIMPLEMENTED);
      expect(status.message).toContain(message);
    }),
  );

  test.each([
    ['no content type', { 'content-type': undefined }, 415],
    ['JSON', { 'content-type': 'application/json' }, 415],
    ['gRPC-Web', { 'content-type': 'application/grpc-web' }, 415],
    ['GET', { ':method': 'GET' }, 405],
  ])('%s', (_what, headers, httpStatus) =>
    unharmed(async (raw) => {
      const response = await raw.send(callHeaders(UNARY, headers));
      expect(response.headers[':status']).toBe(httpStatus);
    }),
  );
});

describe('every malformed grpc-timeout is refused, never taken for "no deadline"', () => {
  test.each([
    'S',
    '10',
    '-1S',
    '-5m',
    '+1S',
    '1.5S',
    '0.5s',
    '1 S',
    '1s',
    '123456789S',
    '999999999999H',
    '1SS',
    'abc',
    '1S,2S',
    '0x1S',
  ])('%j', (timeout) =>
    unharmed(async (raw) => {
      const status = statusOf(await raw.send(callHeaders(UNARY, { 'grpc-timeout': timeout })));
      expect(status.code).toBe(Status.INTERNAL);
      expect(status.message).toContain('Malformed grpc-timeout');
    }),
  );

  test('sent twice', () =>
    unharmed(async (raw) => {
      const headers = callHeaders(UNARY, { 'grpc-timeout': ['1S', '2S'] as unknown as string });
      expect(statusOf(await raw.send(headers)).code).toBe(Status.INTERNAL);
    }));

  test('of 30 days arrives as what it is, cut to the server’s maximum', async () => {
    let remainingMs = 0;
    await using pair = await startPair({
      async unary(_request, context) {
        remainingMs = context.remainingMs();
        return {};
      },
    });
    await using raw = rawClient(pair.port);
    const status = statusOf(await raw.send(callHeaders(UNARY, { 'grpc-timeout': '720H' })));
    expect(status.code).toBe(Status.OK);
    expect(remainingMs).toBeGreaterThan(3_500_000);
    expect(remainingMs).toBeLessThanOrEqual(3_600_000);
  });

  test('of zero is refused without running the handler', async () => {
    let ran = false;
    await using pair = await startPair({
      async unary() {
        ran = true;
        return {};
      },
    });
    await using raw = rawClient(pair.port);
    const status = statusOf(await raw.send(callHeaders(UNARY, { 'grpc-timeout': '0m' })));
    expect(status.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(ran).toBe(false);
  });
});

describe('broken messages', () => {
  const compressedBomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
  const flagged = (flag: number, bytes: Uint8Array): Buffer => {
    const prefix = Buffer.alloc(5);
    prefix[0] = flag;
    prefix.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([prefix, bytes]);
  };

  const cases: readonly [string, Buffer, Record<string, string>, Status, string][] = [
    [
      'undecodable bytes',
      flagged(0, Buffer.from([0xff, 0xff])),
      {},
      Status.INTERNAL,
      'not a valid',
    ],
    ['no message', Buffer.alloc(0), {}, Status.INTERNAL, 'without a message'],
    [
      'two messages',
      Buffer.concat([EMPTY_MESSAGE, EMPTY_MESSAGE]),
      {},
      Status.INTERNAL,
      'More than one',
    ],
    ['half a message', Buffer.from([0, 0, 0, 0, 9, 1]), {}, Status.INTERNAL, 'in the middle'],
    ['half a prefix', Buffer.from([0, 0]), {}, Status.INTERNAL, 'in the middle'],
    ['an unknown flag', flagged(7, Buffer.alloc(1)), {}, Status.INTERNAL, 'flag 7'],
    [
      'a length over the limit',
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
      {},
      Status.RESOURCE_EXHAUSTED,
      'over the limit',
    ],
    [
      'compressed without saying how',
      flagged(1, gzipSync('x')),
      {},
      Status.INTERNAL,
      'no grpc-encoding',
    ],
    [
      'an unknown encoding',
      flagged(1, Buffer.alloc(3)),
      { 'grpc-encoding': 'br' },
      Status.UNIMPLEMENTED,
      "'br' is not supported",
    ],
    [
      'broken gzip',
      flagged(1, Buffer.from('no gzip')),
      { 'grpc-encoding': 'gzip' },
      Status.INTERNAL,
      'cannot be decompressed',
    ],
    [
      'a decompression bomb',
      flagged(1, compressedBomb),
      { 'grpc-encoding': 'gzip' },
      Status.RESOURCE_EXHAUSTED,
      'more than the limit',
    ],
  ];

  test.each(cases)('%s', (_what, body, headers, code, message) =>
    unharmed(async (raw) => {
      const status = statusOf(await raw.send(callHeaders(UNARY, headers), body));
      expect(status).toMatchObject({ code, message: expect.stringContaining(message) as string });
    }),
  );
});

describe('metadata over the limit', () => {
  test('in bytes', () =>
    unharmed(async (raw) => {
      const headers = callHeaders(UNARY, { 'x-large': 'x'.repeat(17 * 1024) });
      const status = statusOf(await raw.send(headers));
      expect(status.code).toBe(Status.RESOURCE_EXHAUSTED);
      expect(status.message).toMatch(/takes \d+ bytes; the limit is 16384/);
    }));

  test('in pairs', () =>
    unharmed(async (raw) => {
      const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'v']));
      const status = statusOf(await raw.send(callHeaders(UNARY, many)));
      expect(status.code).toBe(Status.RESOURCE_EXHAUSTED);
      expect(status.message).toMatch(/has \d+ pairs; the limit is 100/);
    }));

  test('beyond the 64 KiB of a header block ends that connection and no other', async () => {
    await using pair = await startPair();
    await using raw = rawClient(pair.port);
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'x'.repeat(4_000)]),
    );
    const { headers } = await raw.send(callHeaders(UNARY, many));
    expect(headers[':status']).toBeUndefined();
    expect(await pair.client.unary({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
  });
});

test('very many empty messages at once are read one after the other', async () => {
  await using pair = await startPair();
  await using raw = rawClient(pair.port);
  const many = Buffer.concat(Array.from({ length: 50_000 }, () => EMPTY_MESSAGE));
  const path = '/inboard.testing.v1.ShapesService/ClientStream';
  const response = await raw.send(callHeaders(path), many);
  expect(statusOf(response)).toMatchObject({ code: Status.OK });
});

test('a connection that sends what is no HTTP/2 harms no other', async () => {
  await using pair = await startPair();
  const { connect } = await import('node:net');
  const socket = connect(pair.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve).resume());
  expect(await pair.client.unary({ sample: { text: 'still here' } })).toMatchObject({
    sample: { text: 'still here' },
  });
});
