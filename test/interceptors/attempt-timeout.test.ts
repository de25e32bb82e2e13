import { describe, expect, test } from 'vitest';

import type { ClientCall } from '../../src/core/client-call.ts';
import { ConfigError, RpcError } from '../../src/core/errors.ts';
import type { Handler } from '../../src/core/interceptor.ts';
import type { Shape } from '../../src/core/method.ts';
import { Status } from '../../src/core/status.ts';
import { attemptTimeout } from '../../src/interceptors/attempt-timeout.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { collect, deferred, rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { LayerUnderTest, methodOf } from './layer-call.ts';

function make(
  innermost: Handler<ClientCall>,
  timeoutMs: number | undefined = 100,
  shape: Shape = 'unary',
) {
  const runtime = testRuntime();
  const layer = attemptTimeout(() => timeoutMs);
  return { clock: runtime.clock, layer: new LayerUnderTest(runtime, layer, innermost, shape) };
}

const silent: Handler<ClientCall> = () => new Promise<never>(() => undefined);

/** As a transport: rejects when the call is cancelled, and knows that nothing was sent. */
const listening: Handler<ClientCall> = (call) =>
  new Promise((_resolve, reject) => {
    call.onCancel((status) => {
      reject(new RpcError(call.method.path, { ...status, processed: 'no' }));
    });
  });

describe('attemptTimeout', () => {
  test('ends an attempt that takes too long; its call goes on', async () => {
    const { clock, layer } = make(listening);
    const call = layer.call();
    const attempt = layer.attempt(call);
    const failed = rejection(layer.run(attempt));
    expect(attempt.deadline).toBe(100);
    clock.advance(99);
    expect(attempt.cancelled).toBeUndefined();
    clock.advance(1);
    expect(await failed).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: 'The attempt took longer than 100 ms',
      processed: 'no',
    });
    expect(call.cancelled).toBeUndefined();
    expect(call.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(clock.pending).toBe(0);
  });

  test('ends it also where the layers below do not listen', async () => {
    const { clock, layer } = make(silent);
    const failed = rejection(layer.run(layer.attempt()));
    clock.advance(100);
    expect(await failed).toMatchObject({ code: Status.DEADLINE_EXCEEDED, processed: 'unknown' });
    expect(clock.pending).toBe(0);
  });

  test('without it such an attempt stays open', async () => {
    const { clock, layer } = make(silent, Number.POSITIVE_INFINITY);
    const attempt = layer.attempt();
    void layer.run(attempt);
    clock.advance(1_000_000);
    expect(attempt.cancelled).toBeUndefined();
    expect(attempt.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(attemptTimeout(() => undefined)(silent, methodOf())).toBe(silent);
  });

  test('leaves no timer after an answer, a failure and the end of the call', async () => {
    const answering = make(() => Promise.resolve('answer'));
    expect(await answering.layer.run(answering.layer.attempt())).toBe('answer');
    expect(answering.clock.pending).toBe(0);
    const throwing = make(() => {
      throw new Error('thrown');
    });
    expect(await rejection(throwing.layer.run(throwing.layer.attempt()))).toMatchObject({
      message: 'thrown',
    });
    expect(throwing.clock.pending).toBe(0);
    const { clock, layer } = make(silent);
    const call = layer.call();
    void layer.run(layer.attempt(call));
    expect(clock.pending).toBe(1);
    call.end({ code: Status.CANCELLED, details: 'left' });
    expect(clock.pending).toBe(0);
  });

  test('a call with less time than that needs no timer', async () => {
    const { clock, layer } = make(() => Promise.resolve('answer'));
    const call = layer.call();
    call.deadline = 100;
    const attempt = layer.attempt(call);
    const run = layer.run(attempt);
    expect(clock.pending).toBe(0);
    expect(await run).toBe('answer');
    expect(attempt.deadline).toBe(100);
  });

  test('bounds only the beginning of a streamed response', async () => {
    const { clock, layer } = make(() => Promise.resolve('a stream'), 100, 'server_stream');
    const attempt = layer.attempt();
    expect(await layer.run(attempt)).toBe('a stream');
    expect(attempt.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(clock.pending).toBe(0);
    clock.advance(1_000);
    expect(attempt.cancelled).toBeUndefined();
    const late = make(silent, 100, 'bidi_stream');
    const failed = rejection(late.layer.run(late.layer.attempt()));
    late.clock.advance(100);
    expect(await failed).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  });

  test.each([0, -1, Number.NaN])('refuses %d ms', (timeoutMs) => {
    const bound = () => attemptTimeout(() => timeoutMs)(silent, methodOf());
    expect(bound).toThrow(ConfigError);
    expect(bound).toThrow(`attemptTimeoutMs is ${timeoutMs}: give a number above 0`);
  });
});

describe.each(TRANSPORTS)('over %s', (_name, makeTransport) => {
  test('a silent server ends the attempt; a stream that has begun takes its time', async () => {
    const runtime = testRuntime();
    const reached = [deferred(), deferred()];
    const cancelled: string[] = [];
    const hang = (name: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          cancelled.push(name);
          reject(new Error('cancelled'));
        });
        reached.shift()?.resolve();
      });
    await using p = await startPair(
      {
        unary: (_request, { signal }) => hang('unary', signal),
        async *serverStream({ count }, { signal }) {
          for (let index = 0; index < count; index++) yield { index };
          if (count === 0) await hang('stream', signal);
        },
      },
      {
        transport: makeTransport(),
        runtime: { ...runtime, log: runtime.logger.entries },
        client: { interceptors: { perAttempt: [attemptTimeout(() => 40)] } },
      },
    );
    const [first, second] = reached.map(({ promise }) => promise);
    const timeout = {
      code: Status.DEADLINE_EXCEEDED,
      details: 'The attempt took longer than 40 ms',
    };
    const unary = rejection(p.client.unary({}));
    await first;
    runtime.clock.advance(40);
    expect(await unary).toMatchObject(timeout);
    const stream = rejection(p.client.serverStream({ count: 0 }).next());
    await second;
    runtime.clock.advance(40);
    expect(await stream).toMatchObject(timeout);
    const long = p.client.serverStream({ count: 3 });
    await long.next();
    runtime.clock.advance(1_000);
    expect(await collect(long)).toHaveLength(2);
    expect(cancelled).toContain('unary');
  });
});
