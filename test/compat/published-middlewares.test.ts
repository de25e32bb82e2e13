import type { ClientMiddleware } from 'nice-grpc-common';
import { ClientError, ServerError, Status } from 'nice-grpc-common';
import { deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { retryMiddleware } from 'nice-grpc-client-middleware-retry';
import {
  ErrorInfo,
  errorDetailsClientMiddleware,
  errorDetailsServerMiddleware,
  RichClientError,
  RichServerError,
} from 'nice-grpc-error-details';
import {
  prometheusClientMiddleware,
  prometheusServerMiddleware,
  registry,
} from 'nice-grpc-prometheus';
import { beforeEach, describe, expect, test } from 'vitest';

import { errorDetails } from '../../src/index.ts';
import { deferred, rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { CLIENTS } from './both-clients.ts';
import { SERVERS } from './both-servers.ts';
import { callShape, SHAPES } from './call-shape.ts';
import { failing, silent } from './fixtures.ts';

const retry = retryMiddleware as ClientMiddleware;
const deadline = deadlineMiddleware as ClientMiddleware;

describe.each(CLIENTS)('in a client of %s', (name, connect) => {
  test('nice-grpc-client-middleware-retry tries an idempotent call again', async () => {
    let calls = 0;
    const overrides = {
      async unarySafe() {
        calls++;
        if (calls < 3) throw new ServerError(Status.UNAVAILABLE, `not at call ${calls}`);
        return { sample: { text: 'at last' } };
      },
    };
    const retried: string[] = [];
    await using connected = await connect([retry], overrides, {
      retryMaxAttempts: 5,
      retryBaseDelayMs: 1,
      onRetryableError: (error: ClientError) => retried.push(error.details),
    });
    const { sample } = await connected.client.unarySafe({});
    expect(sample?.text).toBe('at last');
    expect(retried).toEqual(['not at call 1', 'not at call 2']);
  });

  test('nice-grpc-client-middleware-retry leaves other calls and codes alone', async () => {
    let calls = 0;
    const fail = async (): Promise<never> => {
      calls++;
      throw new ServerError(Status.INVALID_ARGUMENT, 'no');
    };
    const overrides = { unary: fail, unarySafe: fail };
    await using connected = await connect([retry], overrides, { retryBaseDelayMs: 1 });
    const { client } = connected;
    expect(await rejection(client.unarySafe({}))).toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(await rejection(client.unary({}))).toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(calls).toBe(2);
  });

  test('nice-grpc-client-middleware-retry stops when the caller cancels', async () => {
    let calls = 0;
    const overrides = {
      async unarySafe() {
        calls++;
        throw new ServerError(Status.UNAVAILABLE, 'never');
      },
    };
    const controller = new AbortController();
    await using connected = await connect([retry], overrides, {
      retryMaxAttempts: Number.POSITIVE_INFINITY,
      retryBaseDelayMs: 60_000,
      onRetryableError: () => setImmediate(() => controller.abort()),
    });
    const failure = await rejection(connected.client.unarySafe({}, { signal: controller.signal }));
    // inboard's callers get an RpcError in any case.
    const told = name.startsWith('nice-grpc') ? { name: 'AbortError' } : { code: Status.CANCELLED };
    expect(failure).toMatchObject(told);
    expect(calls).toBe(1);
  });

  test.each(SHAPES)('nice-grpc-client-middleware-deadline ends a %s call', async (shape) => {
    const aborted = deferred();
    const overrides = silent(() => undefined, aborted.resolve);
    await using connected = await connect([deadline], overrides, { deadline: 300 });
    const error = await rejection(callShape(connected.client, shape));
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED, details: 'Deadline exceeded' });
    await aborted.promise;
  });

  test.each(SHAPES)('nice-grpc-prometheus counts a %s call', async (shape) => {
    registry.resetMetrics();
    {
      await using connected = await connect([prometheusClientMiddleware()]);
      await callShape(connected.client, shape);
    }
    await using failed = await connect([prometheusClientMiddleware()], failing(Status.DATA_LOSS));
    await rejection(callShape(failed.client, shape));
    expect(await handled('client', shape)).toEqual({ OK: 1, DATA_LOSS: 1 });
  });
});

describe.each(SERVERS)('in a server of %s', (_name, serve) => {
  beforeEach(() => registry.resetMetrics());

  test.each(SHAPES)('nice-grpc-prometheus counts a %s call', async (shape) => {
    const middlewares = [prometheusServerMiddleware()];
    const failingShapes = { ...shapes, ...failing(Status.DATA_LOSS) };
    await using served = await serve(shapes as never, middlewares);
    await callShape(served.client, shape);
    await using failed = await serve(failingShapes as never, middlewares);
    await rejection(callShape(failed.client, shape));
    expect(await handled('server', shape)).toEqual({ OK: 1, DATA_LOSS: 1 });
  });

  test('nice-grpc-error-details sends what inboard reads', async () => {
    const implementation = {
      ...shapes,
      async unary() {
        const info = ErrorInfo.fromPartial({ reason: 'SOLD_OUT', domain: 'shop' });
        throw new RichServerError(Status.FAILED_PRECONDITION, 'none left', [info]);
      },
    };
    await using served = await serve(implementation as never, [errorDetailsServerMiddleware]);
    const error = await rejection(served.client.unary({}));
    expect(error).toMatchObject({ code: Status.FAILED_PRECONDITION, details: 'none left' });
    expect(errorDetails(error)).toMatchObject([
      { type: 'ErrorInfo', value: { reason: 'SOLD_OUT', domain: 'shop' } },
    ]);
  });
});

test.each(CLIENTS)('nice-grpc-error-details in a client of %s', async (name, connect) => {
  const overrides = {
    async unary(
      _request: unknown,
      { trailer }: { trailer: { set(k: string, v: Uint8Array): unknown } },
    ) {
      // google.rpc.Status { code: 9, message: 'no', details: [ErrorInfo { reason: 'WHY' }] }
      const info = ErrorInfo.encode(ErrorInfo.fromPartial({ reason: 'WHY' })).finish();
      const url = Buffer.from('type.googleapis.com/google.rpc.ErrorInfo');
      const any = Buffer.concat([Buffer.of(10, url.length), url, Buffer.of(18, info.length), info]);
      const status = Buffer.concat([
        Buffer.of(8, 9, 18, 2),
        Buffer.from('no'),
        Buffer.of(26, any.length),
        any,
      ]);
      trailer.set('grpc-status-details-bin', status);
      throw new ServerError(Status.FAILED_PRECONDITION, 'no');
    },
  };
  await using connected = await connect([errorDetailsClientMiddleware], overrides);
  const error = await rejection(connected.client.unary({}));
  // inboard's callers get an RpcError in any case; what the middleware made of it is its cause.
  const rich = name === 'nice-grpc' ? error : (error as Error).cause;
  expect(rich).toBeInstanceOf(RichClientError);
  expect(rich).toMatchObject({ code: Status.FAILED_PRECONDITION, extra: [{ reason: 'WHY' }] });
});

/** How often calls of a shape ended with which code, as the middleware counted. */
async function handled(side: 'client' | 'server', shape: string): Promise<Record<string, number>> {
  const metric = registry.getSingleMetric(`grpc_${side}_handled_total`);
  const counts: Record<string, number> = {};
  for (const { labels, value } of (await metric?.get())?.values ?? []) {
    if (String(labels['grpc_method']).toLowerCase() !== shape.toLowerCase()) continue;
    if (value > 0) counts[String(labels['grpc_code'])] = value;
  }
  return counts;
}
