import { setTimeout as wait } from 'node:timers/promises';

import * as grpc from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';
import { describe, expect, test, vi } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Interceptor, Server, ServerCall } from '../../src/index.ts';
import { createServer, Status, StatusError } from '../../src/index.ts';
import { stockDefinition } from '../interop/stock-definition.ts';
import { startPair, testRuntime, TRANSPORTS } from '../support/harness.ts';
import { callHeaders, rawClient, statusOf } from '../support/raw-http2.ts';
import { shapes } from '../support/shapes-service.ts';

const UNARY = '/inboard.testing.v1.ShapesService/Unary';
const SERVER_STREAM = '/inboard.testing.v1.ShapesService/ServerStream';

/** A unary call of grpc-js's own client, which retries nothing but what no server has seen. */
function callStock(client: grpc.Client): Promise<grpc.ServiceError | undefined> {
  const { path, requestSerialize, responseDeserialize } = stockDefinition.unary;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error) =>
      resolve(error ?? undefined),
    );
  });
}

describe('a stock client with two servers, of which one goes while it is called', () => {
  /** Calls all the while; what failed, what was called, and what handlers have run. */
  async function callWhile(end: (server: Server) => Promise<void>) {
    let ran = 0;
    const start = async (): Promise<{ server: Server; port: number }> => {
      const server = createServer({ runtime: testRuntime() }).add(ShapesServiceDefinition, {
        ...shapes,
        async unary() {
          ran++;
          await wait(10);
          return {};
        },
      });
      return { server, ...(await server.listen('127.0.0.1:0')) };
    };
    const [first, second] = [await start(), await start()];
    const target = `ipv4:127.0.0.1:${first.port},127.0.0.1:${second.port}`;
    // Left on its default, pick_first, so that all calls are on the connection that goes.
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
      'grpc.service_config': JSON.stringify({
        loadBalancingConfig: [{ pick_first: { shuffleAddressList: false } }],
      }),
    });
    const failures: grpc.ServiceError[] = [];
    let called = 0;
    const enough = new AbortController();
    const worker = async (): Promise<void> => {
      while (!enough.signal.aborted) {
        called++;
        const failure = await callStock(client);
        if (failure !== undefined) failures.push(failure);
      }
    };
    const workers = Array.from({ length: 20 }, worker);
    await expect.poll(() => ran).toBeGreaterThan(100);
    // In this very turn, so that it has calls to end.
    await vi.waitUntil(() => first.server.snapshot().inFlight > 0, { interval: 1 });
    await end(first.server);
    const goal = called + 100;
    await expect.poll(() => called).toBeGreaterThan(goal);
    enough.abort();
    await Promise.all(workers);
    client.close();
    await first.server[Symbol.asyncDispose]();
    await second.server[Symbol.asyncDispose]();
    return { failures, called, ran };
  }

  test('by a drain: no call fails and none runs twice', async () => {
    const { failures, called, ran } = await callWhile((server) =>
      server.shutdown({ propagationMs: 0 }),
    );
    expect(failures).toEqual([]);
    expect(ran).toBe(called);
  });

  test('at once: calls fail, the control', async () => {
    const { failures } = await callWhile((server) => server[Symbol.asyncDispose]());
    expect(failures).not.toEqual([]);
    for (const { code } of failures) expect(code).toBe(grpc.status.UNAVAILABLE);
  });
});

/** Refuses the first `times` calls, and notes each. */
function refuse(
  seen: string[],
  times: number,
  processed: 'no' | undefined,
): Interceptor<ServerCall> {
  return (next) => (call) => {
    seen.push(call.method.name);
    if (seen.length > times) return next(call);
    const details = 'not here, not now';
    throw new StatusError({ code: Status.UNAVAILABLE, details, processed });
  };
}

describe('a call that is refused as not processed', () => {
  async function callRefused(times: number, processed: 'no' | undefined) {
    const seen: string[] = [];
    const beforeHandler = [refuse(seen, times, processed)];
    await using pair = await startPair({}, { server: { interceptors: { beforeHandler } } });
    const target = `127.0.0.1:${pair.port}`;
    const client = new grpc.Client(target, grpc.credentials.createInsecure());
    const failure = await callStock(client);
    client.close();
    return { failure, seen: seen.length };
  }

  test('is sent again by a stock client, unseen by its caller', async () => {
    expect(await callRefused(1, 'no')).toEqual({ failure: undefined, seen: 2 });
  });

  test('is UNAVAILABLE when it is refused again', async () => {
    const { failure, seen } = await callRefused(9, 'no');
    expect(failure).toMatchObject({ code: grpc.status.UNAVAILABLE });
    expect(seen).toBe(2);
  });

  test('is told with its own words where it may have been processed: the control', async () => {
    const { failure, seen } = await callRefused(1, undefined);
    expect(failure).toMatchObject({
      code: grpc.status.UNAVAILABLE,
      details: 'not here, not now',
    });
    expect(seen).toBe(1);
  });

  test.each(TRANSPORTS)('over %s is known as such to our client', async (_name, make) => {
    const seen: string[] = [];
    const beforeHandler = [refuse(seen, 1_000, 'no')];
    await using pair = await startPair(
      {},
      { transport: make(), server: { interceptors: { beforeHandler } } },
    );
    const { unary } = pair.client;
    const failure = await unary({}).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: Status.UNAVAILABLE, processed: 'no' });
  });

  test('with another code is told in words, which a refused stream could not', async () => {
    const status = { code: Status.RESOURCE_EXHAUSTED, details: 'full', processed: 'no' as const };
    const beforeHandler = [() => () => Promise.reject(new StatusError(status))];
    await using pair = await startPair({}, { server: { interceptors: { beforeHandler } } });
    await using raw = rawClient(pair.port);
    const response = await raw.send(callHeaders(UNARY));
    expect(statusOf(response)).toEqual({ code: Status.RESOURCE_EXHAUSTED, message: 'full' });
  });

  test('once headers went out has a status as any other', async () => {
    await using pair = await startPair({
      async *serverStream() {
        yield {};
        throw new StatusError({ code: Status.UNAVAILABLE, details: 'late', processed: 'no' });
      },
    });
    await using raw = rawClient(pair.port);
    const response = await raw.send(callHeaders(SERVER_STREAM));
    expect(statusOf(response)).toEqual({ code: Status.UNAVAILABLE, message: 'late' });
  });
});

describe('headers that a handler has set before its call fails', () => {
  const fail = (context: { header: Metadata; trailer: Metadata }): never => {
    context.header.set('x-header', 'h').set('x-both', 'of the headers');
    context.trailer.set('x-trailer', 't').set('x-both', 'of the trailers');
    throw new StatusError({
      code: Status.ABORTED,
      details: '',
      metadata: Metadata({ 'x-error': 'e' }),
    });
  };
  const all = { 'x-header': 'h', 'x-trailer': 't', 'x-both': 'of the trailers', 'x-error': 'e' };

  test('go with the status, for headers alone would commit its client', async () => {
    await using pair = await startPair({ unary: async (_request, context) => fail(context) });
    await using raw = rawClient(pair.port);
    const { headers, trailers } = await raw.send(callHeaders(UNARY));
    // Trailers-Only: one block of headers that is the status, too.
    expect(headers).toMatchObject({ 'grpc-status': String(Status.ABORTED), ...all });
    expect(trailers).toEqual({});
  });

  test('are trailers to a stock client', async () => {
    await using pair = await startPair({ unary: async (_request, context) => fail(context) });
    const target = `127.0.0.1:${pair.port}`;
    const client = new grpc.Client(target, grpc.credentials.createInsecure());
    const failure = await callStock(client);
    client.close();
    expect(failure?.code).toBe(grpc.status.ABORTED);
    expect(failure?.metadata.getMap()).toMatchObject(all);
  });

  test('stay headers where a message was sent with them, and where the call is OK', async () => {
    await using pair = await startPair({
      async *serverStream({ count }, context) {
        context.header.set('x-header', 'h');
        if (count === 0) return;
        yield {};
        context.header.set('x-header', 'too late');
        throw new StatusError({ code: Status.ABORTED, details: '' });
      },
    });
    for (const count of [0, 1]) {
      let header: Metadata | undefined;
      let trailer: Metadata | undefined;
      const stream = pair.client.serverStream(
        { count },
        {
          onHeader: (metadata) => {
            header = metadata;
          },
          onTrailer: (metadata) => {
            trailer = metadata;
          },
        },
      );
      await stream.next();
      await stream.next().catch(() => undefined);
      expect(header?.get('x-header')).toBe('h');
      expect(trailer?.get('x-header')).toBeUndefined();
    }
  });
});
