import { describe, expect, test } from 'vitest';

import { deferred } from '../support/harness.ts';
import { PAIRS } from './pairs.ts';
import { settled } from './settled.ts';

/** As many messages as a stream has, 16 KiB each: far more than all windows and buffers hold. */
const COUNT = 1_000;
const TEXT = 'x'.repeat(16 * 1024);

async function* messages(sent: () => void): AsyncGenerator<{ sample: { text: string } }> {
  for (let index = 0; index < COUNT; index++) {
    sent();
    yield { sample: { text: `${index} ${TEXT}` } };
  }
}

/** The number that a message starts with. */
function numberOf(sample: { readonly text: string } | undefined): number {
  return Number.parseInt(sample?.text ?? '', 10);
}

const NUMBERS = Array.from({ length: COUNT }, (_, index) => index);

describe.each(PAIRS)('$name', (kind) => {
  test('a reader that stops stops the server; then 1000 responses come in order', async () => {
    let sent = 0;
    await using pair = await kind.join({
      serverStream: () => messages(() => sent++),
    });
    const seen: number[] = [];
    let stopped = 0;
    for await (const { sample } of pair.client.serverStream({})) {
      if (seen.length === 0) stopped = await settled(() => sent);
      seen.push(numberOf(sample));
    }
    expect(stopped).toBeGreaterThan(0);
    expect(stopped).toBeLessThan(COUNT);
    expect(seen).toEqual(NUMBERS);
  });

  test('a handler that stops stops the client; then 1000 requests come in order', async () => {
    let sent = 0;
    const arrived = deferred();
    const goOn = deferred();
    const seen: number[] = [];
    await using pair = await kind.join({
      async clientStream(requests) {
        for await (const { sample } of requests) {
          seen.push(numberOf(sample));
          arrived.resolve();
          await goOn.promise;
        }
        return { count: seen.length };
      },
    });
    const call = pair.client.clientStream(messages(() => sent++));
    await arrived.promise;
    const stopped = await settled(() => sent);
    goOn.resolve();
    expect(await call).toMatchObject({ count: COUNT });
    expect(stopped).toBeLessThan(COUNT);
    expect(seen).toEqual(NUMBERS);
  });

  test('a reader that stops holds up both ways of a bidi stream; then 1000 go round', async () => {
    let sent = 0;
    await using pair = await kind.join();
    const seen: number[] = [];
    let stopped = 0;
    for await (const { index, sample } of pair.client.bidi(messages(() => sent++))) {
      if (index === 0) stopped = await settled(() => sent);
      seen.push(numberOf(sample));
    }
    expect(stopped).toBeLessThan(COUNT);
    expect(seen).toEqual(NUMBERS);
  });

  test('a handler answers while the client still sends, and the client stops', async () => {
    const ended = deferred();
    const endless = async function* (): AsyncGenerator<{ sample: { text: string } }> {
      try {
        for (;;) yield { sample: { text: TEXT } };
      } finally {
        ended.resolve();
      }
    };
    await using pair = await kind.join({
      async clientStream(requests) {
        for await (const { sample } of requests) {
          return { count: 1, last: { text: `${sample?.text.length}` } };
        }
        return { count: 0 };
      },
    });
    const { count, last } = await pair.client.clientStream(endless());
    expect([count, last?.text]).toEqual([1, `${TEXT.length}`]);
    await ended.promise;
    // The connection is as good as before.
    expect(await pair.client.unary({})).toEqual({ sample: undefined });
  });

  test('both sides of a bidi stream take turns', async () => {
    await using pair = await kind.join();
    let answered = deferred();
    const requests = async function* (): AsyncGenerator<{ sample: { text: string } }> {
      for (let index = 0; index < COUNT; index++) {
        answered = deferred();
        yield { sample: { text: `${index}` } };
        await answered.promise;
      }
    };
    const seen: number[] = [];
    for await (const { sample } of pair.client.bidi(requests())) {
      seen.push(numberOf(sample));
      answered.resolve();
    }
    expect(seen).toEqual(NUMBERS);
  });
});
