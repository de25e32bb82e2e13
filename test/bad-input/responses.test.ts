import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ClientCall, Interceptor } from '../../src/index.ts';
import {
  ConfigError,
  createClient,
  createServer,
  grpcJsTransport,
  Metadata,
  ServerError,
  Status,
} from '../../src/index.ts';
import { rejection, startPair, testRuntime, TRANSPORTS } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';

const LARGE = { payload: Buffer.alloc(5 * 1024 * 1024) };

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  test('a response over the limit fails the call and nothing else', async () => {
    await using p = await startPair(
      { unarySafe: async () => ({ sample: LARGE }) },
      { transport: makeTransport() },
    );
    expect(await rejection(p.client.unarySafe({}))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
    });
    expect(await p.client.unary({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
  });

  test('a request over the limit fails the call and nothing else', async () => {
    await using p = await startPair({}, { transport: makeTransport() });
    expect(await rejection(p.client.unary({ sample: LARGE }))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('over the limit of 4194304') as string,
    });
    expect(await p.client.unary({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
  });

  test('limits are configurable on both sides', async () => {
    const limits = { messageBytes: 8 * 1024 * 1024 };
    await using p = await startPair(
      {},
      { transport: makeTransport(), server: { limits }, client: { limits } },
    );
    const { sample } = await p.client.unary({ sample: LARGE });
    expect(sample?.payload).toHaveLength(LARGE.payload.length);
  });

  test('undecodable response bytes', async () => {
    const broken = {
      ...ShapesServiceDefinition.methods.unary,
      responseType: {
        ...ShapesServiceDefinition.methods.unary.responseType,
        encode: () => ({ finish: () => new Uint8Array([0xff]) }),
      },
    };
    const runtime = testRuntime();
    const transport = makeTransport();
    const server = createServer({ runtime, transport });
    server.add(
      { ...ShapesServiceDefinition, methods: { unary: broken } },
      { unary: async () => ({}) },
    );
    const { port } = await server.listen('127.0.0.1:0');
    await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`, {
      runtime,
      transport,
    });
    await using _server = server;
    expect(await rejection(client.unary({}))).toMatchObject({
      code: Status.INTERNAL,
      details: expect.stringContaining('not a valid') as string,
    });
  });

  test('a request that cannot be encoded is refused before anything is sent', async () => {
    await using p = await startPair({}, { transport: makeTransport() });
    const error = await rejection(p.client.unary({ sample: { big: 'no bigint' as never } }));
    expect(error).toMatchObject({ code: Status.INTERNAL, processed: 'no' });
  });

  test('a response that cannot be encoded is told without its content', async () => {
    await using p = await startPair(
      { unary: async () => ({ sample: { big: 'secret' as never } }) },
      { transport: makeTransport() },
    );
    const error = await rejection(p.client.unary({}));
    expect(error).toMatchObject({
      code: Status.INTERNAL,
      details: expect.stringMatching(
        /^The handler's response cannot be encoded: error [0-9a-f-]{36}$/,
      ) as string,
    });
    expect(p.log.map(({ message }) => message)).toEqual(['a response cannot be encoded']);
  });

  test.each([
    ['a string', 'just a string'],
    ['null', null],
    ['undefined', undefined],
    ['an object', { code: 99 }],
  ])('a handler that throws %s', async (_what, thrown) => {
    await using p = await startPair(
      {
        unary: () => {
          // oxlint-disable-next-line typescript/only-throw-error -- handlers may throw anything
          throw thrown;
        },
      },
      { transport: makeTransport() },
    );
    expect(await rejection(p.client.unary({}))).toMatchObject({
      code: Status.UNKNOWN,
      details: expect.stringMatching(/^Internal error [0-9a-f-]{36}$/) as string,
    });
  });

  test('a handler that rejects after its call is over is heard by nobody', async () => {
    const late = Promise.withResolvers<never>();
    await using p = await startPair({ unary: () => late.promise }, { transport: makeTransport() });
    const error = await rejection(p.client.unary({}, { timeoutMs: 30 }));
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    late.reject(new Error('too late'));
    // An unhandled rejection would end the run; a second answer would break the next call.
    expect(await p.client.unarySafe({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
  });

  test('a streaming handler that returns no stream', async () => {
    await using p = await startPair(
      { serverStream: (() => undefined) as never },
      { transport: makeTransport() },
    );
    expect(await rejection(p.client.serverStream({ count: 1 }).next())).toMatchObject({
      code: Status.INTERNAL,
      details: expect.stringContaining('async generator') as string,
    });
  });

  test('request metadata over the limit is refused before anything is sent', async () => {
    await using p = await startPair({}, { transport: makeTransport() });
    const large = await rejection(
      p.client.unary({}, { metadata: Metadata({ 'x-large': 'x'.repeat(17_000) }) }),
    );
    expect(large).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, processed: 'no' });
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'v']));
    expect(await rejection(p.client.unary({}, { metadata: Metadata(many) }))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      processed: 'no',
    });
  });

  test.each(['grpc-timeout', 'grpc-status', 'content-type', 'te'])(
    'metadata key %s is reserved',
    async (key) => {
      await using p = await startPair({}, { transport: makeTransport() });
      const error = await rejection(p.client.unary({}, { metadata: Metadata({ [key]: '1' }) }));
      expect(error).toMatchObject({
        code: Status.INVALID_ARGUMENT,
        details: expect.stringContaining(key) as string,
      });
    },
  );

  test('a second authorization value is refused here, where grpc-js would drop the connection', async () => {
    await using p = await startPair({}, { transport: makeTransport() });
    const metadata = Metadata()
      .append('authorization', 'Bearer a')
      .append('authorization', 'Bearer b');
    const error = await rejection(p.client.unary({}, { metadata }));
    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(await p.client.unary({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
  });
});

test('a client of a method that the server does not have', async () => {
  const runtime = testRuntime();
  await using server = createServer({ runtime, transport: grpcJsTransport() });
  const { unary } = ShapesServiceDefinition.methods;
  server.add({ ...ShapesServiceDefinition, methods: { unary } }, { unary: shapes.unary });
  const { address } = await server.listen('127.0.0.1:0');
  await using client = createClient(ShapesServiceDefinition, `static:///${address}`, { runtime });
  expect(await rejection(client.unarySafe({}))).toMatchObject({
    code: Status.UNIMPLEMENTED,
    details: expect.stringContaining("has no method 'UnarySafe'") as string,
  });
  expect(await rejection(client.serverStream({ count: 1 }).next())).toMatchObject({
    code: Status.UNIMPLEMENTED,
  });
});

describe('callbacks that throw harm nobody', () => {
  test.each(TRANSPORTS)('onHeader and onTrailer over %s', async (_name, makeTransport) => {
    await using p = await startPair({}, { transport: makeTransport() });
    const broken = (): never => {
      throw new Error('from the callback');
    };
    const options = { onHeader: broken, onTrailer: broken };
    expect(await p.client.unary({ sample: { text: 'on' } }, options)).toMatchObject({
      sample: { text: 'on' },
    });
    expect(p.log.map(({ message }) => message)).toEqual([
      'a call listener threw',
      'a call listener threw',
    ]);
  });

  test('a message tap', async () => {
    const tapped: Interceptor<ClientCall> = (next) => (call) => {
      call.onResponseMessage(() => {
        throw new Error('from the tap');
      });
      return next(call);
    };
    await using p = await startPair({}, { client: { interceptors: { perCall: [tapped] } } });
    expect(await p.client.unary({ sample: { text: 'on' } })).toMatchObject({
      sample: { text: 'on' },
    });
    expect(p.log).toHaveLength(1);
  });

  test('a validator that breaks lets nothing through', async () => {
    const seen: string[] = [];
    await using p = await startPair(
      {
        async clientStream(requests) {
          for await (const { sample } of requests) seen.push(sample?.text ?? '');
          return {};
        },
      },
      {
        service: {
          validate: {
            unary: () => {
              throw new Error('broken');
            },
            clientStream: () => {
              throw new Error('broken');
            },
          },
        },
      },
    );
    expect(await rejection(p.client.unary({}))).toMatchObject({ code: Status.UNKNOWN });
    expect(await rejection(p.client.clientStream(samples('a')))).toMatchObject({
      code: Status.UNKNOWN,
    });
    expect(seen).toEqual([]);
  });
});

test('a handler may spread its context, and take functions out of it', async () => {
  await using p = await startPair({
    async unary(_request, context) {
      const { remainingMs, ...rest } = { ...context, user: 'me' };
      rest.header.set('x-user', rest.user);
      rest.sendHeader();
      return { sample: { text: `${rest.metadata.get('x-in')} ${remainingMs() > 0}` } };
    },
  });
  let user: string | undefined;
  const response = await p.client.unary(
    {},
    {
      metadata: { 'x-in': 'in' },
      onHeader: (header) => {
        user = header.get('x-user');
      },
    },
  );
  expect(response).toMatchObject({ sample: { text: 'in true' } });
  expect(user).toBe('me');
});

test('an AbortError that a handler throws is CANCELLED, as in nice-grpc', async () => {
  await using p = await startPair({
    unary: () => Promise.reject(new DOMException('enough', 'AbortError')),
  });
  expect(await rejection(p.client.unary({}))).toMatchObject({ code: Status.CANCELLED });
});

describe('headers that HTTP/2 forbids', () => {
  const forbidden = [
    'keep-alive',
    'transfer-encoding',
    'upgrade',
    'proxy-connection',
    'http2-settings',
    'content-length',
    'connection',
  ];

  test.each(forbidden)('%s from a caller fails its call alone', async (name) => {
    await using p = await startPair();
    const neighbour = p.client.unary({ sample: { text: 'on' } });
    expect(await rejection(p.client.unary({}, { metadata: { [name]: '7' } }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      processed: 'no',
    });
    expect(await neighbour).toMatchObject({ sample: { text: 'on' } });
  });

  test.each(forbidden)('%s from a handler is left out', async (name) => {
    await using p = await startPair({
      async unary(_request, context) {
        context.header.set(name, '7');
        context.trailer.set(name, '7');
        return { sample: { text: 'on' } };
      },
    });
    expect(await p.client.unary({})).toMatchObject({ sample: { text: 'on' } });
  });
});

describe.each(TRANSPORTS)(
  'what a handler sends over the metadata limit, over %s',
  (_name, make) => {
    const large = 'x'.repeat(17_000);

    test('in headers', async () => {
      await using p = await startPair(
        {
          async unary(_request, context) {
            context.header.set('x-large', large);
            return {};
          },
        },
        { transport: make() },
      );
      expect(await rejection(p.client.unary({}))).toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
      });
    });

    test('in the trailers of an error, which stays the error it is', async () => {
      await using p = await startPair(
        {
          async unary(_request, context) {
            context.trailer.set('x-large', large);
            throw new ServerError(Status.NOT_FOUND, 'not here');
          },
        },
        { transport: make() },
      );
      expect(await rejection(p.client.unary({}))).toMatchObject({
        code: Status.NOT_FOUND,
        details: 'not here',
      });
    });
  },
);

describe('what a caller gives that no call can be made of', () => {
  test('metadata that is no ASCII', async () => {
    await using p = await startPair();
    const options = { metadata: { 'x-name': 'é' } };
    const failure = { code: Status.INVALID_ARGUMENT, processed: 'no' };
    expect(await rejection(p.client.unary({}, options))).toMatchObject(failure);
    expect(await rejection(p.client.serverStream({}, options).next())).toMatchObject(failure);
  });

  test('a request stream that is none', async () => {
    await using p = await startPair();
    expect(await rejection(p.client.clientStream([{}] as never))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: expect.stringContaining('async iterable') as string,
    });
  });

  test('a timeout that makes no sense, for a stream too', async () => {
    await using p = await startPair();
    const error = await rejection(p.client.serverStream({}, { timeoutMs: Number.NaN }).next());
    expect(error).toBeInstanceOf(ConfigError);
  });

  test('a call that is cancelled already, on a channel that is not ready', async () => {
    await using p = await startPair();
    const error = await rejection(p.client.unary({}, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: Status.CANCELLED, processed: 'no' });
    expect(p.log).toEqual([]);
  });
});
