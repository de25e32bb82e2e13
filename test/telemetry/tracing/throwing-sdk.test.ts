import type { Context, Span, Tracer } from '@opentelemetry/api';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, describe, expect, test } from 'vitest';

import { createRuntime, Metadata, ServerError, Status } from '../../../src/index.ts';
import { ManualClock, recordingLogger } from '../../../src/testing/index.ts';
import { FaultLog } from '../../../src/telemetry/fault-log.ts';
import { collect, rejection } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { tracedPair } from './traced-pair.ts';

afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

const fail = (): never => {
  throw new Error('other people’s code');
};

const NONE = (): Promise<void> => Promise.resolve();
const PROCESSOR = { onStart() {}, onEnd() {}, forceFlush: NONE, shutdown: NONE };

/** A tracer of one span that counts how often it ends, with something replaced. */
function tracerOf(span: Partial<Span>, ended: { count: number } = { count: 0 }): Tracer {
  const ids = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 };
  const made = { spanContext: () => ids, isRecording: () => true, end: () => ended.count++ };
  return { startSpan: () => ({ ...made, ...span }) } as unknown as Tracer;
}

function provide(tracer: Tracer): void {
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
}

const WRITES_FAIL = {
  setAttribute: fail,
  setAttributes: fail,
  setStatus: fail,
  addEvent: fail,
} as Partial<Span>;

const CASES: readonly [name: string, register: () => void][] = [
  [
    'a span processor',
    () => {
      const spanProcessors = [{ ...PROCESSOR, onStart: fail }];
      trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
    },
  ],
  [
    'a span processor at the end',
    () => {
      const spanProcessors = [{ ...PROCESSOR, onEnd: fail }];
      trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
    },
  ],
  [
    'a sampler',
    () => {
      const sampler = { shouldSample: fail, toString: () => 'sampler' };
      trace.setGlobalTracerProvider(new TracerProvider({ sampler }));
    },
  ],
  ['getTracer', () => trace.setGlobalTracerProvider({ getTracer: fail })],
  ['startSpan', () => provide({ startSpan: fail } as unknown as Tracer)],
  ['isRecording', () => provide(tracerOf({ isRecording: fail }))],
  ['spanContext', () => provide(tracerOf({ spanContext: fail }))],
  ['what is written onto spans', () => provide(tracerOf(WRITES_FAIL))],
  [
    'what a propagator reads',
    () => {
      provide(tracerOf({}));
      const extract = (): Context => ({}) as Context;
      propagation.setGlobalPropagator({ inject: fail, extract, fields: () => ['x'] });
    },
  ],
  [
    'a context manager',
    () => {
      provide(tracerOf({ setAttribute: fail }));
      const rest = { bind: fail, enable: fail, disable: () => rest } as never as object;
      const manager = { ...rest, active: () => ROOT_CONTEXT, with: fail, disable: () => manager };
      context.setGlobalContextManager(manager as never);
    },
  ],
];

describe.each(CASES)('where %s throws', (_name, register) => {
  test('every call goes on, its handler runs once, and the log is told once', async () => {
    let handled = 0;
    await using pair = await tracedPair({
      unary: async ({ sample }) => {
        handled++;
        return { sample };
      },
    });
    register();
    for (let made = 0; made < 3; made++) {
      expect(await pair.client.unary({ sample: { text: 'a' } })).toMatchObject({
        sample: { text: 'a' },
      });
    }
    expect(handled).toBe(3);
    expect(await collect(pair.client.bidi(samples('a', 'b')))).toHaveLength(2);
    await expect.poll(() => pair.log).toHaveLength(1);
    expect(pair.log[0]?.message).toMatch(/^OpenTelemetry tracing threw/);
  });

  test('a call fails with what its handler throws', async () => {
    let handled = 0;
    await using pair = await tracedPair({
      unary: () => {
        handled++;
        throw new ServerError(Status.NOT_FOUND, 'mine');
      },
    });
    register();
    expect(await rejection(pair.client.unary({}))).toMatchObject({
      code: Status.NOT_FOUND,
      details: 'mine',
    });
    expect(handled).toBe(1);
  });
});

describe('spans end', () => {
  test('where nothing can be written onto them', async () => {
    const ended = { count: 0 };
    provide(tracerOf(WRITES_FAIL, ended));
    await using pair = await tracedPair();
    await pair.client.unary({});
    // Of the call, its attempt and the server.
    await expect.poll(() => ended.count).toBe(3);
  });

  test('where they were started and then could not be used', async () => {
    const ended = { count: 0 };
    provide(tracerOf({ isRecording: fail }, ended));
    await using pair = await tracedPair();
    await pair.client.unary({});
    await expect.poll(() => ended.count).toBe(2);
  });
});

test('a trace goes on behind a process whose SDK throws', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  let seen = Metadata();
  await using back = await tracedPair({
    unary: async ({ sample }, call) => {
      seen = call.metadata;
      return { sample };
    },
  });
  await using front = await tracedPair({
    unary: ({ sample }) => back.client.unary({ sample }),
  });
  provide({ startSpan: fail } as unknown as Tracer);
  await front.client.unary({}, { metadata: { traceparent } });
  expect(seen.get('traceparent')).toBe(traceparent);
});

test('a provider that recovers is used', async () => {
  let broken = true;
  const ended = { count: 0 };
  const tracer = tracerOf({}, ended);
  trace.setGlobalTracerProvider({ getTracer: () => (broken ? fail() : tracer) });
  await using pair = await tracedPair();
  await pair.client.unary({});
  expect(ended.count).toBe(0);
  broken = false;
  await pair.client.unary({});
  await expect.poll(() => ended.count).toBe(3);
});

test('what throws is told once a minute, and a logger that throws harms nobody', () => {
  const clock = new ManualClock();
  const logger = recordingLogger();
  const runtime = { ...createRuntime({ logger }), clock };
  const faults = new FaultLog('this');
  for (const ms of [0, 1, 59_998]) {
    clock.advance(ms);
    faults.tell(new Error('one'), runtime);
  }
  expect(logger.entries).toHaveLength(1);
  clock.advance(1);
  faults.tell(new Error('one'), runtime);
  expect(logger.entries).toHaveLength(2);
  const broken = { error: fail, warn: fail, info: fail };
  expect(() =>
    new FaultLog('that').tell(new Error('one'), { ...runtime, logger: broken }),
  ).not.toThrow();
});
