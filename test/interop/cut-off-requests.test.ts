import * as http2 from 'node:http2';

import { createChannel, createClient as createNiceClient } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Interceptor, ServerCall } from '../../src/index.ts';
import { createClient } from '../../src/index.ts';
import { never } from '../compat/fixtures.ts';
import { deferred, rejection, startPair } from '../support/harness.ts';
import { countingProxy } from './counting-proxy.ts';
import type { PeerClient } from './stock-client.ts';
import { stockClient } from './stock-client.ts';

interface Connected {
  readonly client: PeerClient;
  stop(): void | PromiseLike<void>;
}

const CLIENTS: readonly [name: string, connect: (port: number) => Connected][] = [
  [
    'inboard',
    (port) => {
      const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`);
      return { client, stop: () => client[Symbol.asyncDispose]() };
    },
  ],
  [
    'grpc-js',
    (port) => {
      const client = stockClient(port);
      return { client, stop: () => client[Symbol.dispose]() };
    },
  ],
  [
    'nice-grpc',
    (port) => {
      const channel = createChannel(`127.0.0.1:${port}`);
      const client = createNiceClient(ShapesServiceDefinition, channel);
      return { client, stop: () => channel.close() };
    },
  ],
];

test('a unary request that is cut off before its end never reaches its handler', async () => {
  const ended = deferred<number>();
  let ran = false;
  const watching: Interceptor<ServerCall> = (next) => (call) => {
    call.onEnd(({ code }) => ended.resolve(code));
    return next(call);
  };
  const overrides = {
    async unary() {
      ran = true;
      return {};
    },
  };
  const server = { interceptors: { outermost: [watching] } };
  await using pair = await startPair(overrides, { server });
  const session = http2.connect(`http://127.0.0.1:${pair.port}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inboard.testing.v1.ShapesService/Unary',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  // A whole message of no bytes, but no word that it is all.
  await new Promise((resolve) => stream.write(Buffer.alloc(5), resolve));
  await new Promise((resolve) => session.ping(resolve));
  session.destroy();
  expect(await ended.promise).toBe(Status.CANCELLED);
  expect(ran).toBe(false);
});

// Clients on Node's HTTP/2 end a request that they cancel before they reset its stream, and Node's
// server shows the end of one whose connection is gone: neither may pass for a whole request.
describe.each(CLIENTS)('a request stream of a %s client that is cut off', (_name, connect) => {
  test.each(['cancel', 'cut the connection'] as const)('%s: fails in the handler', async (how) => {
    const arrived = deferred();
    const over = deferred<unknown>();
    const read = async (requests: AsyncIterable<unknown>): Promise<void> => {
      try {
        for await (const _ of requests) arrived.resolve();
        over.resolve('a whole request');
      } catch (error) {
        over.resolve(error);
        throw error;
      }
    };
    await using pair = await startPair({
      async clientStream(requests) {
        await read(requests);
        return { count: 1 };
      },
    });
    await using proxy = await countingProxy(pair.port);
    const connected = connect(proxy.port);
    const { client } = connected;
    const controller = new AbortController();
    const call = client.clientStream(never(), { signal: controller.signal });
    const failure = rejection(call);
    await arrived.promise;
    if (how === 'cancel') controller.abort();
    else proxy.cut();
    expect(await over.promise).toMatchObject({
      name: 'AbortError',
      status: { code: Status.CANCELLED },
    });
    expect(await failure).toBeInstanceOf(Error);
    await connected.stop();
  });
});
