import { once } from 'node:events';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';

import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, Status } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { EMPTY_MESSAGE } from '../support/raw-http2.ts';
import { rejection, testRuntime } from '../support/harness.ts';

type OnStream = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

/** A server that does by hand what no gRPC server would. */
async function rawServer(onStream: OnStream) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    onStream(stream, stream.session as ServerHttp2Session);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`, {
    // A lost connection is redialled at a random time within 1.5 s: here that is at once.
    runtime: { ...testRuntime(), random: () => 0 },
    defaults: { retry: false },
  });
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers a unary call with an empty message. */
function answer(stream: ServerHttp2Stream, trailers: Record<string, string> = {}): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }));
  stream.end(EMPTY_MESSAGE);
}

describe('a healthy server that sends GOAWAY', () => {
  test('after every few calls fails none of them', async () => {
    let served = 0;
    await using s = await rawServer((stream, session) => {
      served++;
      answer(stream);
      if (served % 5 === 0) session.close();
    });
    for (let i = 0; i < 40; i++) await s.client.unary({});
    expect(served).toBe(40);
  });

  test('with calls in flight lets them finish', async () => {
    const held: ServerHttp2Stream[] = [];
    const both = Promise.withResolvers<ServerHttp2Session>();
    await using s = await rawServer((stream, session) => {
      if (held.length < 2) {
        held.push(stream);
        if (held.length === 2) both.resolve(session);
      } else {
        answer(stream);
      }
    });
    const inFlight = [s.client.unary({}), s.client.unary({})];
    const session = await both.promise;
    session.goaway(constants.NGHTTP2_NO_ERROR);
    // A new call goes over a new connection while the old one still carries two.
    await expect.poll(() => s.client.unary({}).then(() => true)).toBe(true);
    for (const stream of held) answer(stream);
    expect(await Promise.all(inFlight)).toHaveLength(2);
  });
});

test('a refused stream is tried again without being seen, and then says that nobody ran it', async () => {
  let streams = 0;
  await using s = await rawServer((stream) => {
    streams++;
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  expect(await rejection(s.client.unary({}))).toMatchObject({
    code: Status.UNAVAILABLE,
    processed: 'no',
  });
  // Once by grpc-js, over the same connection, and once more by inboard, which does the same again.
  expect(streams).toBe(4);
});

test.each([
  ['no number', 'x'],
  ['a number that gRPC does not know', '99'],
])('a status that is %s is UNKNOWN', async (_what, code) => {
  await using s = await rawServer((stream) => answer(stream, { 'grpc-status': code }));
  expect(await rejection(s.client.unary({}))).toMatchObject({ code: Status.UNKNOWN });
});

describe('response metadata over the limit', () => {
  test('in trailers', async () => {
    await using s = await rawServer((stream) => answer(stream, { 'x-large': 'x'.repeat(20_000) }));
    expect(await rejection(s.client.unary({}))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('the limit is 16384') as string,
    });
  });

  test('in headers', async () => {
    await using s = await rawServer((stream) => {
      stream.respond({
        ':status': 200,
        'content-type': 'application/grpc',
        'x-large': 'x'.repeat(20_000),
      });
    });
    expect(await rejection(s.client.unary({}))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
    });
  });
});

test('a slow reader gets up to 1 MiB that arrived before an error', async () => {
  const message = Buffer.alloc(2_000);
  // A response of field 2, `sample`, that is as long as a real one.
  const framed = Buffer.concat([
    Buffer.from([0, 0, 0, 7, 211, 18, 208, 15, 18, 205, 15]),
    message.subarray(0, 1997),
  ]);
  await using s = await rawServer((stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': '14', 'grpc-message': 'gone' }),
    );
    for (let i = 0; i < 100; i++) stream.write(framed);
    stream.end();
  });
  let seen = 0;
  const error = await rejection(
    (async () => {
      for await (const _message of s.client.serverStream({ count: 100 })) {
        seen++;
        if (seen % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })(),
  );
  expect(error).toMatchObject({ code: Status.UNAVAILABLE });
  expect(seen).toBe(100);
});

test('a dial that failed is not repeated behind the back of the channel', async () => {
  let dials = 0;
  const server = createTcpServer((socket) => {
    dials++;
    socket.on('error', () => undefined);
    socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  {
    await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`, {
      // The channel dials again by this clock, which stands still.
      runtime: { ...testRuntime(), clock: new ManualClock() },
      defaults: { retry: false },
    });
    await rejection(client.unary({}));
    // grpc-js would dial again after 1 s of its own clock, which no test can move.
    await new Promise((resolve) => void setTimeout(resolve, 1_300));
    expect(dials).toBe(1);
  }
  await new Promise((resolve) => void server.close(resolve));
});
