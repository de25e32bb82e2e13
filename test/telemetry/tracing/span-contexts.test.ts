import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { beforeEach, describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, Metadata } from '../../../src/index.ts';
import { detached } from '../../../src/index.ts';
import { collect } from '../../support/harness.ts';
import { treeOf } from './recorded-spans.ts';
import { SERVICE, tracedPair, UNARY, untraced, useSdk } from './traced-pair.ts';

const sdk = useSdk();

describe.each([
  ['with a context manager', true],
  ['without a context manager', false],
])('%s', (_name, contextManager) => {
  beforeEach(() => sdk.register({ contextManager }));

  test('calls of a handler hang below its span', async () => {
    await using back = await tracedPair();
    await using front = await tracedPair({
      async unary({ sample }) {
        await Promise.resolve();
        return back.client.unary({ sample });
      },
      async *serverStream({ count }) {
        for (let index = 0; index < count; index++) {
          await back.client.unary({});
          yield { index };
        }
      },
    });
    await front.client.unary({});
    await collect(front.client.serverStream({ count: 2 }));
    await sdk.settled(15);
    const inner = {
      [`CLIENT ${UNARY}`]: [{ [`INTERNAL ${UNARY} attempt`]: [{ [`SERVER ${UNARY}`]: [] }] }],
    };
    const outer = (name: string, ...below: object[]) => ({
      [`CLIENT ${name}`]: [{ [`INTERNAL ${name} attempt`]: [{ [`SERVER ${name}`]: below }] }],
    });
    expect(treeOf(sdk.spans.started)).toEqual([
      outer(UNARY, inner),
      outer(`${SERVICE}/ServerStream`, inner, inner),
    ]);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('detached work begins outside of the call', async () => {
    await using back = await tracedPair();
    await using front = await tracedPair({
      unary: ({ sample }) => detached(() => back.client.unary({ sample })),
    });
    await front.client.unary({});
    await sdk.settled(6);
    // Its deadline is its own; a context manager still knows what it came from.
    expect(treeOf(sdk.spans.started)).toHaveLength(contextManager ? 1 : 2);
  });
});

describe('the active span', () => {
  test("is the server's in a handler and in a generator, also after an await", async () => {
    const seen: (string | undefined)[] = [];
    const look = (): void => {
      seen.push(trace.getActiveSpan()?.spanContext().spanId);
    };
    await using pair = await tracedPair({
      async unary({ sample }) {
        look();
        await new Promise((resolve) => setImmediate(resolve));
        look();
        return { sample };
      },
      async *serverStream() {
        look();
        yield { index: 0 };
        await new Promise((resolve) => setImmediate(resolve));
        look();
        yield { index: 1 };
      },
    });
    await pair.client.unary({});
    await collect(pair.client.serverStream({}));
    await sdk.settled(6);
    const [unary, stream] = sdk.spans.of('SERVER').map((span) => span.spanContext().spanId);
    expect(seen).toEqual([unary, unary, stream, stream]);
  });

  test('of the caller is the parent of a call, and active again after it', async () => {
    await using pair = await tracedPair();
    await trace.getTracer('test').startActiveSpan('work', async (work) => {
      await pair.client.unary({});
      expect(trace.getActiveSpan()).toBe(work);
      work.end();
    });
    await sdk.settled(4);
    expect(treeOf(sdk.spans.started).map((tree) => Object.keys(tree))).toEqual([['INTERNAL work']]);
  });

  test("is the attempt's in layers of each attempt", async () => {
    const seen: (string | undefined)[] = [];
    const look: Interceptor<ClientCall> = (next) => (call) => {
      seen.push(trace.getActiveSpan()?.spanContext().spanId);
      return next(call);
    };
    const interceptors = { perCall: [look], perAttempt: [look] };
    await using pair = await tracedPair({}, { client: { interceptors } });
    await pair.client.unary({});
    await sdk.settled(3);
    const ids = [...sdk.spans.of('CLIENT'), ...sdk.spans.of('INTERNAL')].map(
      (span) => span.spanContext().spanId,
    );
    expect(seen).toEqual(ids);
  });

  test('suppressed tracing records nothing and sends nothing, in a handler too', async () => {
    let headers: Metadata | undefined;
    await using back = await tracedPair(
      {
        unary: async ({ sample }, { metadata }) => {
          headers = metadata;
          return { sample };
        },
      },
      { server: { runtime: untraced() } },
    );
    await using front = await tracedPair({
      unary: ({ sample }) =>
        context.with(suppressTracing(context.active()), () => back.client.unary({ sample })),
    });
    await front.client.unary({});
    await sdk.settled(3);
    expect(sdk.spans.started).toHaveLength(3);
    expect(headers?.has('traceparent')).toBe(false);
  });

  test('of nobody, asked for in a handler, begins a trace of its own', async () => {
    await using back = await tracedPair();
    await using front = await tracedPair({
      unary: ({ sample }) => context.with(ROOT_CONTEXT, () => back.client.unary({ sample })),
    });
    await front.client.unary({});
    await sdk.settled(6);
    expect(treeOf(sdk.spans.started)).toHaveLength(2);
  });
});
