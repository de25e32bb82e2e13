import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { callShape, isStreamed, SHAPES } from '../compat/call-shape.ts';
import { collect, rejection } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';
import { PAIRS } from './pairs.ts';
import type { PeerService } from './stock-server.ts';

type Context = Parameters<PeerService['unary']>[1];

/** The shapes, each running `before` with its context first. */
function withHook(before: (context: Context) => void): PeerService {
  return {
    async unary(request, context) {
      before(context);
      return shapes.unary(request, context as never);
    },
    async unarySafe(request, context) {
      before(context);
      return shapes.unarySafe(request, context as never);
    },
    async clientStream(requests, context) {
      before(context);
      return shapes.clientStream(requests, context as never);
    },
    async *serverStream(request, context) {
      before(context);
      yield* shapes.serverStream(request, context as never);
    },
    async *bidi(requests, context) {
      before(context);
      yield* shapes.bidi(requests, context as never);
    },
  };
}

/** Every value of a key as one text, bytes in hex. */
function valuesOf(metadata: Metadata | undefined, key: string): string {
  return (metadata?.getAll(key) ?? [])
    .map((value: string | Uint8Array) =>
      typeof value === 'string' ? value : Buffer.from(value).toString('hex'),
    )
    .join('; ');
}

const BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);
const HEX = Buffer.from(BYTES).toString('hex');

describe.each(PAIRS)('$name', (kind) => {
  const join: typeof kind.join = (overrides) => kind.join(overrides);

  describe.each(SHAPES)('%s', (shape) => {
    test('carries messages there and back', async () => {
      await using pair = await join();
      const texts = ['Größe', '', '🧊'];
      const expected = {
        unary: ['Größe'],
        clientStream: ['🧊'],
        serverStream: ['Größe', 'Größe', 'Größe'],
        bidi: texts,
      };
      expect(await callShape(pair.client, shape, {}, texts)).toEqual(expected[shape]);
    });

    test('carries metadata both ways, text and bytes', async () => {
      const came: string[] = [];
      const service = withHook(({ metadata, header, trailer }) => {
        came.push(valuesOf(metadata, 'x-text'), valuesOf(metadata, 'x-bytes-bin'));
        came.push(valuesOf(metadata, 'x-many-bin'), String(metadata.has('x-none')));
        header.set('x-text', '~ header ~').set('x-bytes-bin', BYTES);
        trailer.set('x-text', 'trailer').set('x-bytes-bin', [BYTES, new Uint8Array([1])]);
      });
      await using pair = await join(service);
      let header: Metadata | undefined;
      let trailer: Metadata | undefined;
      await callShape(pair.client, shape, {
        metadata: Metadata({
          'x-text': 'a, b;c="d"',
          'x-bytes-bin': BYTES,
          'x-many-bin': [new Uint8Array([1, 2]), new Uint8Array([3])],
        }),
        onHeader: (metadata) => {
          header = metadata;
        },
        onTrailer: (metadata) => {
          trailer = metadata;
        },
      });
      expect(came).toEqual(['a, b;c="d"', HEX, '0102; 03', 'false']);
      expect([valuesOf(header, 'x-text'), valuesOf(header, 'x-bytes-bin')]).toEqual([
        '~ header ~',
        HEX,
      ]);
      expect([valuesOf(trailer, 'x-text'), valuesOf(trailer, 'x-bytes-bin')]).toEqual([
        'trailer',
        `${HEX}; 01`,
      ]);
    });

    test('carries a failure with its text, and its trailer', async () => {
      const details = 'Größe 100% ≠ "42",\r\n\ttab, %41, 🧊 and \u0007';
      const service = withHook(({ trailer }) => {
        trailer.set('x-why', 'told');
        throw new ServerError(Status.OUT_OF_RANGE, details);
      });
      await using pair = await join(service);
      let trailer: Metadata | undefined;
      const failure = await rejection(
        callShape(pair.client, shape, {
          onTrailer: (metadata) => {
            trailer = metadata;
          },
        }),
      );
      expect(failure).toMatchObject({ code: Status.OUT_OF_RANGE, details });
      expect(valuesOf(trailer, 'x-why')).toBe('told');
    });

    test('carries empty messages', async () => {
      await using pair = await join({
        async clientStream(requests) {
          let count = 0;
          for await (const { sample } of requests) if (sample === undefined) count++;
          return { count };
        },
      });
      const { client } = pair;
      const empty = async function* (): AsyncGenerator<object> {
        yield {};
        yield {};
      };
      const call = {
        unary: async () => [await client.unary({})],
        clientStream: async () => [await client.clientStream(empty())],
        serverStream: () => collect(client.serverStream({ count: 2 })),
        bidi: () => collect(client.bidi(empty())),
      }[shape];
      const expected = {
        unary: [{ sample: undefined }],
        clientStream: [{ count: 2, last: undefined }],
        serverStream: [
          { index: 0, sample: undefined },
          { index: 1, sample: undefined },
        ],
        bidi: [
          { index: 0, sample: undefined },
          { index: 1, sample: undefined },
        ],
      }[shape];
      expect(await call()).toEqual(expected);
    });

    test('carries messages of 2 MiB over many frames', async () => {
      const text = `${'0123456789abcdef'.repeat(2 ** 17)}!`;
      await using pair = await join();
      const answers = await callShape(pair.client, shape, {}, [text, text]);
      expect(answers).toHaveLength(isStreamed(shape) ? 2 : 1);
      // Compared by hand: a difference of megabytes is nothing to print.
      expect(answers.every((answer) => answer === text)).toBe(true);
    });
  });

  test('carries a failure after messages', async () => {
    await using pair = await join({
      async *serverStream() {
        yield { index: 1 };
        throw new ServerError(Status.DATA_LOSS, 'half of it');
      },
      async *bidi(requests) {
        for await (const { sample } of requests) {
          yield { sample };
          throw new ServerError(Status.DATA_LOSS, 'half of it');
        }
      },
    });
    for (const shape of SHAPES.filter(isStreamed)) {
      const into: string[] = [];
      const failure = await rejection(callShape(pair.client, shape, {}, ['a'], into));
      expect(failure).toMatchObject({ code: Status.DATA_LOSS, details: 'half of it' });
      expect(into).toHaveLength(1);
    }
  });

  test('carries every code', async () => {
    await using pair = await join({
      async unary({ sample }) {
        throw new ServerError(Number(sample?.text), '');
      },
    });
    for (let code = 1; code <= 16; code++) {
      const failure = await rejection(pair.client.unary({ sample: { text: `${code}` } }));
      expect(failure).toMatchObject({ code, details: '' });
    }
  });

  test('answers calls that run at once, each its own', async () => {
    await using pair = await join();
    const texts = Array.from({ length: 200 }, (_, index) => `call ${index}`);
    const answers = await Promise.all(
      texts.map(async (text, index) => {
        const shape = SHAPES[index % SHAPES.length] ?? 'unary';
        return (await callShape(pair.client, shape, {}, [text]))[0];
      }),
    );
    expect(answers).toEqual(texts);
  });

  test('answers an empty stream of requests', async () => {
    await using pair = await join();
    expect(await pair.client.clientStream(samples())).toMatchObject({ count: 0 });
    expect(await collect(pair.client.bidi(samples()))).toEqual([]);
    expect(await collect(pair.client.serverStream({ count: 0 }))).toEqual([]);
  });
});
