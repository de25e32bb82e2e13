// Nothing is registered with OpenTelemetry in this file, and so in its process.
import { Metadata } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import type { RuntimeOptions } from '../../../src/index.ts';
import { createRuntime, TRACE } from '../../../src/index.ts';
import type { ClientCall } from '../../../src/core/client-call.ts';
import type { Interceptor } from '../../../src/core/interceptor.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import { startPair } from '../../support/harness.ts';

type Tracing = NonNullable<RuntimeOptions['tracing']>;

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const CENSUS = Buffer.from(`0000${'ab'.repeat(16)}01${'cd'.repeat(8)}0201`, 'hex');

/** A valid `tracestate` of so many bytes, up to 515. */
function stateOf(bytes: number): string {
  return `a=${'v'.repeat(256)},b=${'v'.repeat(bytes - 261)}`;
}

/** Headers that the last of two servers got, when the first was called with these. */
async function passedOn(
  metadata: Metadata,
  { tracing = {}, own }: { tracing?: Tracing | false; own?: Metadata } = {},
): Promise<Metadata> {
  let headers = Metadata();
  const logger = recordingLogger();
  const runtime = { ...createRuntime({ logger, metrics: false, tracing }), log: logger.entries };
  await using back = await startPair(
    {
      unary: async ({ sample }, context) => {
        headers = context.metadata;
        return { sample };
      },
    },
    { runtime },
  );
  await using front = await startPair(
    {
      unary: ({ sample }) =>
        back.client.unary({ sample }, own === undefined ? {} : { metadata: own }),
    },
    { runtime },
  );
  await front.client.unary({}, { metadata });
  return headers;
}

describe('where no SDK is registered', () => {
  test('trace headers go on with the calls of a handler, as they came', async () => {
    const came = { traceparent: TRACEPARENT, tracestate: 'a=1,b=2', 'grpc-trace-bin': CENSUS };
    const headers = await passedOn(Metadata(came));
    expect(headers.get('traceparent')).toBe(TRACEPARENT);
    expect(headers.get('tracestate')).toBe('a=1,b=2');
    expect(Buffer.from(headers.get('grpc-trace-bin') as Uint8Array)).toEqual(CENSUS);
  });

  test('with tracing off they do not: the control', async () => {
    const headers = await passedOn(Metadata({ traceparent: TRACEPARENT }), { tracing: false });
    expect(headers.has('traceparent')).toBe(false);
  });

  test.each<[string, Record<string, string | string[] | Uint8Array>]>([
    ['traceparent', { traceparent: 'nonsense', tracestate: 'a=1' }],
    ['second traceparent', { traceparent: [TRACEPARENT, TRACEPARENT], tracestate: 'a=1' }],
    ['tracestate alone', { tracestate: 'a=1' }],
    ['grpc-trace-bin', { 'grpc-trace-bin': Buffer.from('nonsense') }],
  ])('of a malformed %s nothing goes on', async (_what, came) => {
    const headers = await passedOn(Metadata(came));
    expect([...headers].filter(([key]) => key.includes('trace'))).toEqual([]);
  });

  test.each([
    ['breaks the rules', '=,=,'],
    ['has 513 bytes', stateOf(513)],
    ['has 8 KiB', Array.from({ length: 32 }, (_, at) => `k${at}=${'v'.repeat(250)}`).join(',')],
  ])('a tracestate that %s stays here, and the trace goes on', async (_what, tracestate) => {
    const headers = await passedOn(Metadata({ traceparent: TRACEPARENT, tracestate }));
    expect(headers.get('traceparent')).toBe(TRACEPARENT);
    expect(headers.has('tracestate')).toBe(false);
  });

  test('a tracestate of 512 bytes goes on: the control', async () => {
    const tracestate = stateOf(512);
    const headers = await passedOn(Metadata({ traceparent: TRACEPARENT, tracestate }));
    expect(headers.get('tracestate')).toBe(tracestate);
  });

  test('what follows the fields that are known stays here', async () => {
    const [traceparent, more] = [TRACEPARENT.replace('00', 'cc'), 'x'.repeat(3_000)];
    const headers = await passedOn(
      Metadata({
        traceparent: `${traceparent}-${more}`,
        'grpc-trace-bin': Buffer.concat([CENSUS, Buffer.from(more)]),
      }),
    );
    expect(headers.get('traceparent')).toBe(TRACEPARENT);
    expect(Buffer.from(headers.get('grpc-trace-bin') as Uint8Array)).toEqual(CENSUS);
  });

  test('nothing is added where nothing came', async () => {
    const headers = await passedOn(Metadata());
    expect(headers.has('traceparent')).toBe(false);
    expect(headers.has('baggage')).toBe(false);
  });

  test('what the caller itself sets is left alone, and not mixed with what came', async () => {
    const mine = TRACEPARENT.replace('0af7', 'ffff');
    const came = Metadata({ traceparent: TRACEPARENT, tracestate: 'a=1' });
    const headers = await passedOn(came, { own: Metadata({ traceparent: mine }) });
    expect(headers.get('traceparent')).toBe(mine);
    expect(headers.has('tracestate')).toBe(false);
  });

  test('what a stranger sent stays here', async () => {
    const came = Metadata({ traceparent: TRACEPARENT, baggage: 'tenant=a' });
    const tracing = { trustIncoming: false, baggage: ['tenant'] };
    const headers = await passedOn(came, { tracing });
    expect(headers.has('traceparent')).toBe(false);
    expect(headers.has('baggage')).toBe(false);
  });

  test('baggage goes on by its names only', async () => {
    const came = Metadata({ baggage: 'tenant=a%20b;p=1,password=x' });
    expect((await passedOn(came)).has('baggage')).toBe(false);
    const headers = await passedOn(came, { tracing: { baggage: ['tenant'] } });
    expect(headers.get('baggage')).toBe('tenant=a%20b;p=1');
  });

  test('no trace is named on a call', async () => {
    const seen: unknown[] = [];
    const look: Interceptor<ClientCall> = (next) => (call) => {
      seen.push(call.get(TRACE));
      return next(call);
    };
    await using pair = await startPair({}, { client: { interceptors: { perCall: [look] } } });
    await pair.client.unary({});
    expect(seen).toEqual([undefined]);
  });
});
