import { Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Client, Server, ServerOptions } from '../../src/index.ts';
import { createClient, createServer } from '../../src/index.ts';
import { deferred, rejection, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { bufCurl, messagesOf } from './buf.ts';

const SHAPES = 'inboard.testing.v1.ShapesService';

interface Served extends AsyncDisposable {
  readonly server: Server;
  readonly health: Client<typeof HealthDefinition>;
  readonly port: number;
}

async function serveHealth(options: ServerOptions = {}): Promise<Served> {
  const server = createServer({ runtime: testRuntime(), ...options });
  server.add(ShapesServiceDefinition, shapes);
  const { port } = await server.listen('127.0.0.1:0');
  const health = createClient(HealthDefinition, `static:///127.0.0.1:${port}`);
  return {
    server,
    health,
    port,
    async [Symbol.asyncDispose]() {
      await health[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A watch, read one status at a time. */
function watch(health: Served['health'], service: string) {
  const stream = health.watch({ service });
  return {
    async next(): Promise<number | undefined> {
      const result = await stream.next();
      return result.done === true ? undefined : result.value.status;
    },
    async leave(): Promise<void> {
      await stream.return?.();
    },
  };
}

describe('Check', () => {
  test('tells of the server as a whole and of each service', async () => {
    await using served = await serveHealth();
    const { health, server } = served;
    for (const service of ['', SHAPES]) {
      expect(await health.check({ service })).toEqual({ status: Serving.SERVING });
    }
    server.health.set(SHAPES, 'NOT_SERVING');
    expect(await health.check({ service: SHAPES })).toEqual({ status: Serving.NOT_SERVING });
    expect(await health.check({})).toEqual({ status: Serving.SERVING });
    server.health.set(SHAPES, 'UNKNOWN');
    expect(await health.check({ service: SHAPES })).toEqual({ status: Serving.UNKNOWN });
  });

  test('does not know other services', async () => {
    await using served = await serveHealth();
    const failure = await rejection(served.health.check({ service: 'no.such.Service' }));
    expect(failure).toMatchObject({ code: Status.NOT_FOUND });
  });

  test('answers callers without credentials', async () => {
    const authenticate = async (): Promise<undefined> => undefined;
    await using served = await serveHealth({ authenticate, authorize: {} });
    expect(await served.health.check({})).toEqual({ status: Serving.SERVING });
  });

  test('is not there where the server was told so', async () => {
    await using served = await serveHealth({ health: false });
    const failure = await rejection(served.health.check({}));
    expect(failure).toMatchObject({ code: Status.UNIMPLEMENTED });
  });

  test('answers a client in Go', async () => {
    await using served = await serveHealth();
    const url = `http://127.0.0.1:${served.port}/grpc.health.v1.Health`;
    const call = (method: string, data: string) =>
      bufCurl(['--schema', '.', '-d', data, `${url}/${method}`]);
    expect(messagesOf(await call('Check', `{"service": "${SHAPES}"}`))).toEqual([
      { status: 'SERVING' },
    ]);
    const { errors } = await call('Check', '{"service": "other"}');
    expect(JSON.parse(errors)).toMatchObject({ code: 'not_found' });
    expect(messagesOf(await call('List', '{}'))).toMatchObject([
      { statuses: { '': { status: 'SERVING' }, [SHAPES]: { status: 'SERVING' } } },
    ]);
  });
});

describe('List', () => {
  test('tells of every service at once', async () => {
    await using served = await serveHealth();
    served.server.health.set('by.hand.Service', 'NOT_SERVING');
    const { statuses } = await served.health.list({});
    expect(Object.fromEntries(statuses)).toMatchObject({
      '': { status: Serving.SERVING },
      [SHAPES]: { status: Serving.SERVING },
      'by.hand.Service': { status: Serving.NOT_SERVING },
    });
  });

  test('refuses to tell of more than 100', async () => {
    await using served = await serveHealth();
    for (let i = 0; i < 100; i++) served.server.health.set(`by.hand.Service${i}`, 'SERVING');
    const failure = await rejection(served.health.list({}));
    expect(failure).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
  });
});

describe('Watch', () => {
  test('tells the status at once, then each change once', async () => {
    await using served = await serveHealth();
    const { health, server } = served;
    const watching = watch(health, SHAPES);
    expect(await watching.next()).toBe(Serving.SERVING);
    const next = watching.next();
    server.health.set(SHAPES, 'SERVING');
    server.health.set('', 'NOT_SERVING');
    server.health.set(SHAPES, 'NOT_SERVING');
    expect(await next).toBe(Serving.NOT_SERVING);
    server.health.set(SHAPES, 'SERVING');
    expect(await watching.next()).toBe(Serving.SERVING);
    await watching.leave();
  });

  test('tells of a service that is not known, and goes on when it is', async () => {
    await using served = await serveHealth();
    const watching = watch(served.health, 'late.Service');
    expect(await watching.next()).toBe(Serving.SERVICE_UNKNOWN);
    const next = watching.next();
    served.server.health.set('late.Service', 'SERVING');
    expect(await next).toBe(Serving.SERVING);
    await watching.leave();
  });

  test('tells each of many watchers', async () => {
    await using served = await serveHealth();
    const watchers = ['', '', SHAPES].map((service) => watch(served.health, service));
    const all = (): Promise<unknown> => Promise.all(watchers.map((watching) => watching.next()));
    expect(await all()).toEqual([Serving.SERVING, Serving.SERVING, Serving.SERVING]);
    served.server.health.setAll('NOT_SERVING');
    const { NOT_SERVING } = Serving;
    expect(await all()).toEqual([NOT_SERVING, NOT_SERVING, NOT_SERVING]);
    await Promise.all(watchers.map((watching) => watching.leave()));
  });

  test('ends for a client that leaves', async () => {
    const ended = deferred();
    const outermost = [
      (next: (call: never) => Promise<unknown>) =>
        (call: { onEnd(listener: () => void): void }) => {
          call.onEnd(() => ended.resolve());
          return next(call as never);
        },
    ];
    await using served = await serveHealth({ interceptors: { outermost } });
    const watching = watch(served.health, '');
    expect(await watching.next()).toBe(Serving.SERVING);
    await watching.leave();
    await ended.promise;
  });
});

describe('shutdown', () => {
  test('tells watchers NOT_SERVING', async () => {
    await using served = await serveHealth();
    const watchers = ['', SHAPES].map((service) => watch(served.health, service));
    for (const watching of watchers) expect(await watching.next()).toBe(Serving.SERVING);
    const next = watchers.map((watching) => watching.next());
    const stopped = served.server.shutdown({ propagationMs: 0, graceMs: 5_000 });
    expect(await Promise.all(next)).toEqual([Serving.NOT_SERVING, Serving.NOT_SERVING]);
    await Promise.all(watchers.map((watching) => watching.leave()));
    await stopped;
  });

  test('is not held up by a watcher that stays', async () => {
    await using served = await serveHealth();
    const watching = watch(served.health, '');
    expect(await watching.next()).toBe(Serving.SERVING);
    const startMs = performance.now();
    await served.server.shutdown({ propagationMs: 0, graceMs: 5_000 });
    expect(performance.now() - startMs).toBeLessThan(2_500);
    expect(await watching.next()).toBe(Serving.NOT_SERVING);
    expect(await rejection(watching.next())).toMatchObject({ code: Status.UNAVAILABLE });
  });
});
