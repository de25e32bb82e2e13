import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Criticality, MethodPolicy } from '../../src/index.ts';
import {
  createClient,
  createServer,
  grpcJsTransport,
  Metadata,
  RpcError,
  Status,
} from '../../src/index.ts';
import type { ShapesClient, ShapesImplementation } from '../support/harness.ts';
import { collect, rejection, startPair, testRuntime } from '../support/harness.ts';
import { samples, shapes } from '../support/shapes-service.ts';

/** A front server whose handlers call a back server. */
async function chain(
  front: (back: ShapesClient) => Partial<ShapesImplementation>,
  back: Partial<ShapesImplementation> = {},
  policy: MethodPolicy = {},
) {
  const runtime = testRuntime();
  const transport = grpcJsTransport();
  const options = { runtime, transport };
  const backServer = createServer(options).add(ShapesServiceDefinition, { ...shapes, ...back });
  const { address: backAddress } = await backServer.listen('127.0.0.1:0');
  const backClient = createClient(ShapesServiceDefinition, `static:///${backAddress}`, {
    ...options,
    defaults: policy,
  });
  const frontServer = createServer({ ...options, propagate: ['x-request-id'] });
  frontServer.add(ShapesServiceDefinition, { ...shapes, ...front(backClient) });
  const { address } = await frontServer.listen('127.0.0.1:0');
  const client = createClient(ShapesServiceDefinition, `static:///${address}`, options);
  return {
    client,
    runtime,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await backClient[Symbol.asyncDispose]();
      await frontServer[Symbol.asyncDispose]();
      await backServer[Symbol.asyncDispose]();
    },
  };
}

describe('the deadline', () => {
  test('is inherited by calls that the handler makes, less 2 ms, with no parameter passed', async () => {
    let frontMs = 0;
    let backMs = 0;
    await using c = await chain(
      (back) => ({
        async unary(_request, context) {
          frontMs = context.remainingMs();
          return back.unarySafe({});
        },
      }),
      {
        async unarySafe(_request, context) {
          backMs = context.remainingMs();
          return {};
        },
      },
    );
    await c.client.unary({}, { timeoutMs: 5_000 });
    expect(frontMs).toBeLessThanOrEqual(5_000);
    expect(backMs).toBeLessThan(frontMs - 1);
    expect(backMs).toBeGreaterThan(frontMs - 1_000);
  });

  test('of the call itself is never lengthened by an option of the inner call', async () => {
    let backMs = Number.POSITIVE_INFINITY;
    await using c = await chain(
      (back) => ({ unary: () => back.unarySafe({}, { timeoutMs: 60_000 }) }),
      {
        async unarySafe(_request, context) {
          backMs = context.remainingMs();
          return {};
        },
      },
    );
    await c.client.unary({}, { timeoutMs: 2_000 });
    expect(backMs).toBeLessThan(2_000);
  });

  test('that expires cancels what the handler called', async () => {
    const cancelled = Promise.withResolvers<void>();
    await using c = await chain((back) => ({ unary: () => back.unarySafe({}) }), {
      unarySafe: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            cancelled.resolve();
            reject(signal.reason as Error);
          });
        }),
    });
    const error = await rejection(c.client.unary({}, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await cancelled.promise;
  });
});

test('a cancelled call cancels what its handler called, through two hops', async () => {
  const started = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  await using c = await chain((back) => ({ unary: () => back.unarySafe({}) }), {
    unarySafe: (_request, { signal }) => {
      started.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          cancelled.resolve();
          reject(signal.reason as Error);
        });
      });
    },
  });
  const controller = new AbortController();
  const call = rejection(c.client.unary({}, { signal: controller.signal }));
  await started.promise;
  controller.abort();
  await cancelled.promise;
  expect(await call).toMatchObject({ code: Status.CANCELLED });
});

test('allow-listed metadata is repeated, other metadata and authorization are not', async () => {
  let seen: Metadata | undefined;
  await using c = await chain((back) => ({ unary: () => back.unarySafe({}) }), {
    async unarySafe(_request, context) {
      seen = context.metadata;
      return {};
    },
  });
  await c.client.unary(
    {},
    { metadata: Metadata({ 'x-request-id': 'r1', 'x-other': 'o', authorization: 'Bearer t' }) },
  );
  expect(seen?.get('x-request-id')).toBe('r1');
  expect(seen?.has('x-other')).toBe(false);
  expect(seen?.has('authorization')).toBe(false);
});

test('each of many interleaved generators keeps the context of its own call', async () => {
  await using c = await chain(
    (back) => ({
      async *bidi(requests) {
        for await (const { sample } of requests) {
          const { sample: echoed } = await back.unarySafe({ sample });
          yield { index: 0, sample: echoed };
        }
      },
      async *serverStream({ sample }) {
        for (let index = 0; index < 5; index++) {
          const { sample: echoed } = await back.unarySafe({ sample });
          // Large enough that the pump has to wait for the client between two of them.
          yield { index, sample: { ...echoed, payload: Buffer.alloc(300_000) } };
        }
      },
    }),
    {
      async unarySafe(_request, { metadata }) {
        return { sample: { text: metadata.get('x-request-id') ?? 'none' } };
      },
    },
  );
  const runs = Array.from({ length: 20 }, async (_, i) => {
    const metadata = Metadata({ 'x-request-id': `id-${i}` });
    const streamed = await collect(c.client.serverStream({}, { metadata }));
    const talked = await collect(c.client.bidi(samples('a', 'b', 'c'), { metadata }));
    return [...streamed, ...talked].every(({ sample }) => sample?.text === `id-${i}`);
  });
  expect(await Promise.all(runs)).toEqual(runs.map(() => true));
});

describe('work that outlives its handler', () => {
  test('is cancelled with a word on what to do', async () => {
    const late = Promise.withResolvers<unknown>();
    const held = Promise.withResolvers<void>();
    await using c = await chain(
      (back) => ({
        async unary() {
          void back.unarySafe({}).catch(late.resolve);
          return {};
        },
      }),
      {
        async unarySafe() {
          await held.promise;
          return {};
        },
      },
    );
    await c.client.unary({});
    const error = (await late.promise) as RpcError;
    held.resolve();
    expect(error).toBeInstanceOf(RpcError);
    expect(error.code).toBe(Status.CANCELLED);
    expect(error.details).toContain('detached()');
  });

  test('goes on when it is detached', async () => {
    const late = Promise.withResolvers<unknown>();
    const held = Promise.withResolvers<void>();
    await using c = await chain(
      (back) => ({
        async unary() {
          c.runtime.ambient.detached(() => back.unarySafe({})).then(late.resolve, late.reject);
          return {};
        },
      }),
      {
        async unarySafe() {
          await held.promise;
          return { sample: { text: 'done' } };
        },
      },
    );
    await c.client.unary({});
    held.resolve();
    expect(await late.promise).toMatchObject({ sample: { text: 'done' } });
  });
});

describe('the criticality', () => {
  /** What arrives at the back server when a caller says one thing and the front's client another. */
  async function arriving(inherited: string | undefined, own: Criticality | undefined) {
    const came: unknown[] = [];
    await using c = await chain(
      (back) => ({ unary: () => back.unarySafe({}) }),
      {
        async unarySafe(_request, { metadata }) {
          came.push(metadata.get('x-inboard-criticality'));
          return {};
        },
      },
      own === undefined ? {} : { criticality: own },
    );
    const metadata = inherited === undefined ? {} : { 'x-inboard-criticality': inherited };
    await c.client.unary({}, { metadata });
    return came;
  }

  test.each<
    [inherited: string | undefined, own: Criticality | undefined, sent: string | undefined]
  >([
    [undefined, undefined, undefined],
    ['critical', undefined, 'critical'],
    ['sheddable', undefined, 'sheddable'],
    [undefined, 'critical', 'critical'],
    [undefined, 'sheddable', 'sheddable'],
    ['critical', 'sheddable', 'sheddable'],
    ['sheddable', 'critical', 'sheddable'],
    ['critical', 'default', 'default'],
    ['something', 'critical', 'critical'],
  ])('of a call that is %s, made by a method that is %s: %s', async (inherited, own, sent) => {
    expect(await arriving(inherited, own)).toEqual([sent]);
  });

  test('that a call says by itself comes before all', async () => {
    let came: unknown;
    await using pair = await startPair(
      {
        async unary(_request, { metadata }) {
          came = metadata.getAll('x-inboard-criticality');
          return {};
        },
      },
      { client: { defaults: { criticality: 'sheddable' } } },
    );
    await pair.client.unary({}, { metadata: { 'x-inboard-criticality': 'critical' } });
    expect(came).toEqual(['critical']);
  });
});
