import { propagation, ROOT_CONTEXT, TraceFlags } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';

import { BaggageFilter } from '../../../src/telemetry/tracing/baggage.ts';
import { formatTraceBin, readTraceBin } from '../../../src/telemetry/tracing/trace-bin.ts';
import {
  formatTraceparent,
  readTraceparent,
} from '../../../src/telemetry/tracing/trace-context.ts';
import { readTraceState } from '../../../src/telemetry/tracing/trace-state.ts';

const TRACE_ID = '404142434445464748494a4b4c4d4e4f';
const SPAN_ID = '6162636465666768';

describe('grpc-trace-bin', () => {
  /** The example of OpenCensus' own description of the format. */
  const EXAMPLE = `0000${TRACE_ID}01${SPAN_ID}0201`;
  const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

  test('the published example is read, and written byte for byte', () => {
    const read = readTraceBin(bytes(EXAMPLE));
    expect(read).toEqual({
      traceId: TRACE_ID,
      spanId: SPAN_ID,
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
    });
    const written = formatTraceBin({ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 });
    expect(Buffer.from(written).toString('hex')).toBe(EXAMPLE);
    expect(written).toHaveLength(29);
  });

  test('bytes in the middle of a larger buffer are read as what they are', () => {
    const whole = bytes(`ffff${EXAMPLE}ffff`);
    expect(readTraceBin(whole.subarray(2, 31))).toMatchObject({ traceId: TRACE_ID, traceFlags: 1 });
  });

  test.each([
    ['not sampled', `0000${TRACE_ID}01${SPAN_ID}0200`, 0],
    ['bits that nobody has defined', `0000${TRACE_ID}01${SPAN_ID}02fe`, 0],
    ['no options', `0000${TRACE_ID}01${SPAN_ID}`, 0],
    ['a field of a later version', `0000${TRACE_ID}01${SPAN_ID}0201030a0b`, 1],
  ])('%s', (_what, hex, traceFlags) => {
    expect(readTraceBin(bytes(hex))).toMatchObject({ spanId: SPAN_ID, traceFlags });
  });

  test.each([
    ['empty', ''],
    ['another version', `0100${TRACE_ID}01${SPAN_ID}0201`],
    ['cut off', `0000${TRACE_ID}01616263`],
    ['fields in another order', `0001${TRACE_ID}00${SPAN_ID}0201`],
    ['a trace id of zeros', `0000${'0'.repeat(32)}01${SPAN_ID}0201`],
    ['a span id of zeros', `0000${TRACE_ID}01${'0'.repeat(16)}0201`],
  ])('%s is no parent', (_what, hex) => {
    expect(readTraceBin(bytes(hex))).toBeUndefined();
  });
});

describe('traceparent', () => {
  const ids = `${TRACE_ID}-${SPAN_ID}`;

  test('is read with tracestate, and written', () => {
    const read = readTraceparent(`00-${ids}-01`, 'a=1,b=2');
    expect(read).toMatchObject({ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 });
    expect(read?.traceState?.serialize()).toBe('a=1,b=2');
    const span = { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 };
    expect(formatTraceparent(span)).toBe(`00-${ids}-01`);
  });

  test.each([
    ['a later version', `cc-${ids}-01`, 1],
    ['a later version with more', `cc-${ids}-01-what`, 1],
    ['not sampled', `00-${ids}-00`, 0],
    ['blanks around it', ` 00-${ids}-01 `, 1],
  ])('%s is read', (_what, header, traceFlags) => {
    expect(readTraceparent(header, undefined)).toMatchObject({ traceId: TRACE_ID, traceFlags });
  });

  test.each([
    ['nothing', ''],
    ['two of them', `00-${ids}-01, 00-${ids}-01`],
    ['version ff', `ff-${ids}-01`],
    ['version 00 with more', `00-${ids}-01-what`],
    ['upper case', `00-${ids.toUpperCase()}-01`],
    ['a short trace id', `00-${ids.slice(1)}-01`],
    ['zeros', `00-${'0'.repeat(32)}-${SPAN_ID}-01`],
    ['a zero span', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
    ['no flags', `00-${ids}`],
  ])('%s is no parent', (_what, header) => {
    expect(readTraceparent(header, 'a=1')).toBeUndefined();
  });
});

describe('tracestate', () => {
  test('what changes moves to the front, and goes out as it came otherwise', () => {
    const state = readTraceState('a=1, b=2 ,c=3');
    expect(state?.serialize()).toBe('a=1, b=2 ,c=3');
    expect(state?.get('b')).toBe('2');
    expect(state?.get('x')).toBeUndefined();
    expect(state?.set('c', '4').serialize()).toBe('c=4,a=1,b=2');
    expect(state?.unset('a').serialize()).toBe('b=2,c=3');
  });

  test('32 members are the most', () => {
    const members = Array.from({ length: 32 }, (_, index) => `k${index}=v`);
    expect(readTraceState(members.join(','))?.set('new', 'v').serialize()).toBe(
      ['new=v', ...members.slice(0, 31)].join(','),
    );
    expect(readTraceState([...members, 'k32=v'].join(','))).toBeUndefined();
  });

  test.each(['', ',', 'a', '=1', 'A=1', 'a=1,a=2', 'a=1=2', 'a='])('%j is dropped', (header) => {
    expect(readTraceState(header)).toBeUndefined();
  });
});

describe('baggage', () => {
  const filter = new BaggageFilter(['tenant', 'tier']);
  const header = 'tenant=a%20b;secret=1 , password=x, tier = gold,broken,tier2=1';

  test('of a header only what may pass is read', () => {
    const read = propagation.getBaggage(filter.read(ROOT_CONTEXT, header));
    const entries = read?.getAllEntries().map(([name, { value }]) => [name, value]);
    expect(entries).toEqual([
      ['tenant', 'a b'],
      ['tier', 'gold'],
    ]);
  });

  test('what cannot be decoded is left out', () => {
    const read = propagation.getBaggage(filter.read(ROOT_CONTEXT, 'tenant=%zz,tier=1'));
    expect(read?.getAllEntries().map(([name]) => name)).toEqual(['tier']);
  });

  test('a header is passed on without the rest, its members as they came', () => {
    expect(filter.restrictHeader(header)).toBe('tenant=a%20b;secret=1,tier = gold');
    expect(filter.restrictHeader('password=x')).toBeUndefined();
  });

  test('a context is restricted, and written as it is read', () => {
    const baggage = propagation.createBaggage({
      tenant: { value: 'a b' },
      password: { value: 'x' },
    });
    const restricted = filter.restrict(propagation.setBaggage(ROOT_CONTEXT, baggage));
    expect(filter.format(restricted)).toBe('tenant=a%20b');
    const none = new BaggageFilter([]).restrict(propagation.setBaggage(ROOT_CONTEXT, baggage));
    expect(propagation.getBaggage(none)).toBeUndefined();
  });
});
