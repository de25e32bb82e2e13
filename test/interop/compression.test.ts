import * as grpc from '@grpc/grpc-js';
import { Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { callShape, SHAPES } from '../compat/call-shape.ts';
import { rejection, startPair } from '../support/harness.ts';
import { countingProxy } from './counting-proxy.ts';
import type { PeerClient } from './stock-client.ts';
import { stockClient } from './stock-client.ts';

const { gzip, deflate } = grpc.compressionAlgorithms;

/** Compresses to almost nothing. */
const LONG = 'inboard '.repeat(2 ** 17);

interface Compressing extends AsyncDisposable {
  readonly client: PeerClient;
  /** What the client has sent over the wire so far. */
  sentBytes(): number;
}

/** The client of grpc-js, which compresses its requests, and a server of inboard. */
async function connect(algorithm: number): Promise<Compressing> {
  const pair = await startPair();
  const proxy = await countingProxy(pair.port);
  const client = stockClient(proxy.port, {
    'grpc.default_compression_algorithm': algorithm,
    'grpc.max_send_message_length': -1,
  });
  return {
    client,
    sentBytes: () => proxy.sentBytes,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await pair[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  ['gzip', gzip],
  ['deflate', deflate],
] as const)('requests that a grpc-js client compresses with %s', (_name, algorithm) => {
  test.each(SHAPES)('%s: arrive whole', async (shape) => {
    await using compressing = await connect(algorithm);
    const answers = await callShape(compressing.client, shape, {}, [LONG, LONG]);
    expect(answers.length).toBeGreaterThan(0);
    expect(answers.every((answer) => answer === LONG)).toBe(true);
    // The test is of compressed requests only if they were: 1 MiB each as it is.
    expect(compressing.sentBytes()).toBeLessThan(100_000);
  });

  test('a message over the limit is refused, however small it came', async () => {
    await using compressing = await connect(algorithm);
    const { client } = compressing;
    const failure = await rejection(client.unary({ sample: { text: LONG.repeat(5) } }));
    expect(failure).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect(compressing.sentBytes()).toBeLessThan(200_000);
    const { sample } = await client.unary({ sample: { text: 'still there' } });
    expect(sample?.text).toBe('still there');
  });

  test('many small ones and empty ones keep their order', async () => {
    await using compressing = await connect(algorithm);
    const texts = Array.from({ length: 100 }, (_, index) => (index % 3 === 0 ? '' : `${index}`));
    expect(await callShape(compressing.client, 'bidi', {}, texts)).toEqual(texts);
  });
});
