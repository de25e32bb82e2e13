import { Metadata, Status } from 'nice-grpc-common';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { RpcError } from '../../src/index.ts';
import { collect, deferred } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';
import { SERVERS } from './both-servers.ts';
import { callShape, isStreamed, SHAPES } from './call-shape.ts';
import { NiceShapes, niceShapes } from './nice-shapes.ts';

const IMPLEMENTATIONS: readonly [name: string, make: () => ShapesServiceImplementation][] = [
  ['an object', () => niceShapes],
  ['an instance of a class', () => new NiceShapes()],
];

/** Everything that a client can learn of one call. */
interface Outcome {
  readonly texts: readonly string[];
  readonly header: Readonly<Record<string, unknown>>;
  readonly trailer: Readonly<Record<string, unknown>>;
  readonly code: number;
  readonly details: string;
}

// nice-grpc warns of an error that is no ServerError, and one of the handlers throws some.
beforeAll(() => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

describe.each(IMPLEMENTATIONS)('a service written for nice-grpc, as %s', (_name, make) => {
  const [nice, inboard] = [SERVERS[0], SERVERS.at(-1)];
  const onBoth = async (
    shape: (typeof SHAPES)[number],
    text: string,
  ): Promise<readonly [nice: Outcome, inboard: Outcome]> => {
    const outcomes: Outcome[] = [];
    for (const side of [nice, inboard]) {
      await using served = await side![1](make());
      outcomes.push(await outcomeOf(served.client, shape, text));
    }
    return outcomes as unknown as [Outcome, Outcome];
  };

  test('runs on two servers', () => {
    expect([nice?.[0], inboard?.[0]]).toEqual(['nice-grpc', 'inboard']);
  });

  describe.each(SHAPES)('%s', (shape) => {
    test('answers alike', async () => {
      const [there, here] = await onBoth(shape, 'answer');
      expect(here).toEqual(there);
      expect(here.texts).toEqual(isStreamed(shape) ? ['answer', 'answer'] : ['answer']);
      expect(here.code).toBe(Status.OK);
    });

    test('sends header and trailer alike, text and bytes', async () => {
      const [there, here] = await onBoth(shape, 'headers');
      // A streamed response has sent its header by then, with nothing in it.
      const sent = shape !== 'serverStream';
      expect(here).toEqual(there);
      expect(here.header).toEqual(sent ? { 'x-plain': 'sent, this', 'x-bytes-bin': '00ff2c' } : {});
      expect(here.trailer).toEqual({ 'x-plain': 'in the trailer', 'x-bytes-bin': '00ff0a' });
    });

    test('sends the header early, and only once, alike', async () => {
      const [there, here] = await onBoth(shape, 'early header');
      expect(here).toEqual(there);
      expect(here.header).toEqual(shape === 'serverStream' ? {} : { 'x-plain': 'early' });
    });

    test('fails alike, with its trailer', async () => {
      const [there, here] = await onBoth(shape, 'fail');
      // Where no message went before, inboard sends the header with the status: headers alone
      // would keep a client from trying again (A6). A trailer of the same name comes before it.
      expect({ ...here, header: {} }).toEqual({ ...there, header: {} });
      expect(here.header).toEqual({});
      expect(here.code).toBe(Status.FAILED_PRECONDITION);
      expect(here.details).toBe('Größe 100%: ≠ 42\n„so“ 🧊');
      expect(here.trailer).toEqual({ 'x-plain': 'of a failure, too' });
      expect(here.texts).toEqual(shape === 'serverStream' ? ['fail'] : []);
    });

    test('fails with UNKNOWN where it breaks, and tells nobody why', async () => {
      const [there, here] = await onBoth(shape, 'crash');
      expect({ ...here, details: '' }).toEqual({ ...there, details: '' });
      expect(here.code).toBe(Status.UNKNOWN);
      expect(here.details).not.toMatch(/secret/);
    });
  });

  test.each(SERVERS)('on %s carries every kind of field', async (_server, serve) => {
    const sample = {
      text: 'Größe',
      payload: Buffer.from([0, 1, 255]),
      big: 2n ** 62n,
      at: new Date(1_700_000_000_123),
      color: 2,
      labels: new Map([['__proto__', 'kept']]),
      choice: { $case: 'number', value: -5n },
      numbers: [1n, -1n],
    } as const;
    await using served = await serve(make());
    const response = await served.client.unary({ sample });
    expect(response.sample).toEqual(sample);
  });

  test.each(SERVERS)('on %s streams both ways at once', async (_server, serve) => {
    await using served = await serve(make());
    const turn = [deferred(), deferred(), deferred()];
    const requests = async function* (): AsyncGenerator<{ sample: { text: string } }> {
      for (const [index, { promise }] of turn.entries()) {
        yield { sample: { text: `${index}` } };
        await promise;
      }
    };
    const seen: unknown[] = [];
    for await (const { index, sample } of served.client.bidi(requests())) {
      seen.push([index, sample?.text]);
      turn[index]?.resolve();
    }
    expect(seen).toEqual([
      [0, '0'],
      [1, '1'],
      [2, '2'],
    ]);
  });

  test.each(SERVERS)('on %s takes an empty request stream', async (_server, serve) => {
    await using served = await serve(make());
    expect(await served.client.clientStream(samples())).toMatchObject({ count: 0 });
    expect(await collect(served.client.bidi(samples()))).toEqual([]);
  });
});

test('a class counts its calls, so it is called as one object', async () => {
  const service = new NiceShapes();
  await using served = await (SERVERS.at(-1) as (typeof SERVERS)[number])[1](service);
  for (const shape of SHAPES) await callShape(served.client, shape);
  expect(service.callCount).toBe(SHAPES.length);
});

async function outcomeOf(
  client: Parameters<typeof callShape>[0],
  shape: (typeof SHAPES)[number],
  text: string,
): Promise<Outcome> {
  let header: Metadata | undefined;
  let trailer: Metadata | undefined;
  const options = {
    metadata: Metadata({ 'x-plain': 'sent, this', 'x-bytes-bin': new Uint8Array([0, 255, 44]) }),
    onHeader: (metadata: Metadata) => {
      header = metadata;
    },
    onTrailer: (metadata: Metadata) => {
      trailer = metadata;
    },
  };
  const texts: string[] = [];
  let failure: RpcError | undefined;
  try {
    await callShape(client, shape, options, [text, text], texts);
  } catch (error) {
    failure = error as RpcError;
  }
  expect(failure === undefined || failure instanceof RpcError).toBe(true);
  return {
    texts,
    header: plain(header),
    trailer: plain(trailer),
    code: failure?.code ?? Status.OK,
    details: failure?.details ?? '',
  };
}

function plain(metadata: Metadata | undefined): Record<string, unknown> {
  const entries = [...(metadata ?? [])]
    // What grpc-js's server adds to tell of itself.
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, [value]]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
