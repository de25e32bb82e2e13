import type { Context } from '@opentelemetry/api';
import { context, propagation, trace } from '@opentelemetry/api';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace';
import { describe, expect, test } from 'vitest';

import { Metadata } from '../../../src/index.ts';
import type { Tracing } from './traced-pair.ts';
import { tracedPair, untraced, useSdk } from './traced-pair.ts';

const sdk = useSdk();

describe('what comes with a call', () => {
  const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
  const SPAN_ID = 'b7ad6b7169203331';
  const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`;

  /** Calls with metadata and no tracing of its own; the server's span. */
  async function served(metadata: Metadata, tracing: Tracing = {}) {
    let baggage: string[] = [];
    const peer = { client: { runtime: untraced() } };
    await using pair = await tracedPair(
      {
        async unary({ sample }) {
          const entries = propagation.getActiveBaggage()?.getAllEntries() ?? [];
          baggage = entries.map(([name, { value }]) => `${name}=${value}`);
          return { sample };
        },
      },
      peer,
      tracing,
    );
    await pair.client.unary({}, { metadata });
    await sdk.settled(1);
    const [span] = sdk.spans.of('SERVER');
    return { span, parent: span?.parentSpanContext, baggage };
  }

  test('traceparent is the parent, and tracestate goes with it', async () => {
    const { parent } = await served(Metadata({ traceparent: TRACEPARENT, tracestate: 'a=1' }));
    expect(parent).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID, isRemote: true });
    expect(parent?.traceState?.get('a')).toBe('1');
  });

  const census = Buffer.from(`0000${'ab'.repeat(16)}01${'cd'.repeat(8)}0201`, 'hex');

  test('grpc-trace-bin is, where there is no traceparent', async () => {
    const { parent } = await served(Metadata({ 'grpc-trace-bin': census }));
    expect(parent).toMatchObject({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) });
    sdk.spans.clear();
    const both = Metadata({ traceparent: TRACEPARENT, 'grpc-trace-bin': census });
    expect((await served(both)).parent?.traceId).toBe(TRACE_ID);
  });

  test.each([
    ['traceparent', Metadata({ traceparent: 'nonsense' })],
    ['traceparent of zeros', Metadata({ traceparent: `00-${'0'.repeat(32)}-${SPAN_ID}-01` })],
    ['traceparent twice', Metadata({ traceparent: [TRACEPARENT, TRACEPARENT] })],
    ['tracestate', Metadata({ tracestate: '=,=,' })],
    ['grpc-trace-bin', Metadata({ 'grpc-trace-bin': Buffer.from('nonsense') })],
    ['baggage', Metadata({ baggage: '%zz=%zz;;;,,,=' })],
  ])('a malformed %s fails no call, and has no parent', async (_what, metadata) => {
    const { span, parent, baggage } = await served(metadata, { baggage: ['%zz', 'a'] });
    expect(span?.attributes['rpc.status_code']).toBe('OK');
    expect(parent).toBeUndefined();
    expect(baggage).toEqual([]);
  });

  test('a propagator that throws fails no call', async () => {
    const fail = (): never => {
      throw new Error('propagator');
    };
    propagation.setGlobalPropagator({ inject: fail, extract: fail, fields: () => ['x'] });
    await using pair = await tracedPair();
    await pair.client.unary({});
    await sdk.settled(3);
    expect(sdk.spans.of('SERVER')[0]?.parentSpanContext).toBeUndefined();
  });

  test('the registered propagator is the one that counts', async () => {
    propagation.setGlobalPropagator({
      inject: (_context, carrier, setter) => setter.set(carrier, 'x-trace', 'mine'),
      extract(known, carrier, getter) {
        const mine = getter.get(carrier, 'x-trace') === 'mine' && getter.keys(carrier).length > 0;
        const parent = { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 };
        return mine ? trace.setSpanContext(known, parent) : known;
      },
      fields: () => ['x-trace'],
    });
    await using pair = await tracedPair();
    await pair.client.unary(
      {},
      { metadata: { traceparent: `00-${'1'.repeat(32)}-${SPAN_ID}-01` } },
    );
    await sdk.settled(3);
    expect(sdk.spans.of('SERVER')[0]?.parentSpanContext).toMatchObject({ traceId: TRACE_ID });
  });

  test('of a stranger it is a link and no parent; its baggage stays outside', async () => {
    const metadata = Metadata({ traceparent: TRACEPARENT, baggage: 'tenant=a' });
    const strict = { trustIncoming: false, baggage: ['tenant'] };
    const { span, parent, baggage } = await served(metadata, strict);
    expect(parent).toBeUndefined();
    expect(span?.spanContext().traceId).not.toBe(TRACE_ID);
    expect(span?.links.map((link) => link.context.spanId)).toEqual([SPAN_ID]);
    expect(baggage).toEqual([]);
  });

  test('baggage enters by its name only', async () => {
    const metadata = Metadata({ baggage: 'tenant=a,password=b' });
    expect((await served(metadata)).baggage).toEqual([]);
    expect((await served(metadata, { baggage: ['tenant'] })).baggage).toEqual(['tenant=a']);
  });

  test('baggage enters by its name only where a propagator reads all of it, too', async () => {
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
    const metadata = Metadata({ baggage: 'tenant=a,password=b', traceparent: TRACEPARENT });
    const { baggage, parent } = await served(metadata, { baggage: ['tenant'] });
    expect(baggage).toEqual(['tenant=a']);
    expect(parent?.spanId).toBe(SPAN_ID);
    expect((await served(metadata)).baggage).toEqual([]);
  });
});

describe('what goes with a call', () => {
  /** The headers of a call that is made in a context. */
  async function sent(tracing: Tracing, within: () => Context): Promise<Metadata> {
    let headers = Metadata();
    const peer = { server: { runtime: untraced() } };
    await using pair = await tracedPair(
      {
        unary: async ({ sample }, { metadata }) => {
          headers = metadata;
          return { sample };
        },
      },
      peer,
      tracing,
    );
    await context.with(within(), () => pair.client.unary({}));
    return headers;
  }

  const withBaggage = (): Context =>
    propagation.setBaggage(
      context.active(),
      propagation.createBaggage({ tenant: { value: 'a' }, password: { value: 'b' } }),
    );

  test('is the attempt as traceparent, and nothing else unless told', async () => {
    const headers = await sent({}, withBaggage);
    const attempt = sdk.spans.of('INTERNAL')[0]?.spanContext();
    expect(headers.get('traceparent')).toBe(`00-${attempt?.traceId}-${attempt?.spanId}-01`);
    expect(headers.has('grpc-trace-bin')).toBe(false);
    expect(headers.has('baggage')).toBe(false);
  });

  test('is grpc-trace-bin and baggage where told', async () => {
    const headers = await sent({ grpcTraceBin: true, baggage: ['tenant'] }, withBaggage);
    const attempt = sdk.spans.of('INTERNAL')[0]?.spanContext();
    const binary = Buffer.from(headers.get('grpc-trace-bin') as Uint8Array).toString('hex');
    expect(binary).toBe(`0000${attempt?.traceId}01${attempt?.spanId}0201`);
    expect(headers.get('baggage')).toBe('tenant=a');
  });

  test('a call that is not sampled says so', async () => {
    sdk.register({ sampler: new AlwaysOffSampler() });
    const headers = await sent({}, () => context.active());
    expect(headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(sdk.spans.started).toEqual([]);
  });
});
