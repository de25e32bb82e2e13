import { Gauge, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';

import {
  ConfigError,
  createAdmin,
  createServer,
  ListenError,
  metricsOf,
} from '../../../src/index.ts';
import { toJson } from '../../../src/telemetry/admin/reply.ts';
import { deferred, rejection, testRuntime } from '../../support/harness.ts';
import { adminPair, among, ask, askRaw, bodyOf, having } from './support.ts';

describe('/metrics', () => {
  test('tells of calls and of the process, in Prometheus’s format', async () => {
    await using running = await adminPair();
    await running.pair.client.unary({ sample: { text: 'a' } });
    const answer = await ask(running.admin, '/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toMatch(
      /^grpc_server_handled_total\{.*grpc_method="Unary".*grpc_code="OK".*\} 1$/m,
    );
    expect(answer.body).toMatch(/^process_cpu_seconds_total \d/m);
    expect(answer.body).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
    expect(answer.body).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
    expect(answer.body).toMatch(/^nodejs_heap_space_size_used_bytes\{space="old"\} \d/m);
    expect(answer.body).toMatch(/^nodejs_version_info\{version="v\d/m);
    // Each name once, each line a sample, no number that Prometheus cannot read.
    const types = answer.body.split('\n').filter((line) => line.startsWith('# TYPE'));
    expect(new Set(types.map((line) => line.split(' ')[2])).size).toBe(types.length);
    const samples = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of samples)
      expect(line).toMatch(/^[a-z_][a-z_\d]*(?:\{.*\})? (?:\d[\d.e+-]*|\+Inf)$/);
  });

  test('leaves out the process where it is told to, and where somebody tells of it already', async () => {
    await using without = await adminPair({ processMetrics: false });
    expect((await ask(without.admin, '/metrics')).body).not.toContain('process_cpu');
    await using running = await adminPair();
    const registry = metricsOf(running.pair.runtime)?.registry;
    const own = new Gauge({
      name: 'process_cpu_seconds_total',
      help: 'Told elsewhere.',
      registers: registry ? [registry] : [],
    });
    own.set(7);
    const { body } = await ask(running.admin, '/metrics');
    expect(body.match(/^process_cpu_seconds_total .*$/gm)).toEqual(['process_cpu_seconds_total 7']);
    expect(body).not.toContain('nodejs_');
  });

  test('in OpenMetrics is one exposition, of calls and of the process', async () => {
    await using running = await adminPair();
    await running.pair.client.unary({});
    const registry = metricsOf(running.pair.runtime)?.registry as Registry<
      typeof Registry.OPENMETRICS_CONTENT_TYPE | typeof Registry.PROMETHEUS_CONTENT_TYPE
    >;
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const scrape of ['first', 'second']) {
      const { headers, body } = await ask(running.admin, '/metrics');
      expect(headers['content-type']).toContain('application/openmetrics-text');
      const lines = body.split('\n');
      // Its last line, and none but that; a line that says nothing is not of the format.
      expect([scrape, lines.indexOf('# EOF'), lines.indexOf('')]).toEqual([
        scrape,
        lines.length - 2,
        lines.length - 1,
      ]);
      expect(body).toContain('# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total ');
      expect(body).toMatch(/^# TYPE grpc_server_handled counter\ngrpc_server_handled_total\{/m);
      // Of counters, comments leave `_total` out, samples have it.
      expect(body).not.toMatch(/^# TYPE \w+_total counter$/m);
      expect(body).not.toContain('_total_total');
    }
  });

  test('of a runtime without metrics is of the process alone', async () => {
    const runtime = { ...testRuntime(), telemetry: [] };
    await using admin = createAdmin({ runtime });
    const bound = await admin.listen('127.0.0.1:0');
    const { body } = await ask(bound, '/metrics');
    expect(body).toContain('process_cpu_seconds_total');
    expect(body).not.toContain('grpc_');
  });
});

describe('/readyz', () => {
  test('says no until the server listens, and yes from then on', async () => {
    await using server = createServer({ runtime: testRuntime() });
    const bound = await server.admin.listen('127.0.0.1:0');
    const before = await ask(bound, '/readyz');
    expect(before.status).toBe(503);
    expect(bodyOf(before)).toEqual({ ready: false, reasons: ['The server does not listen'] });
    // The process runs all the while.
    expect((await ask(bound, '/healthz')).status).toBe(200);
    await server.listen('127.0.0.1:0');
    const after = await ask(bound, '/readyz');
    expect([after.status, bodyOf(after)]).toEqual([200, { ready: true, reasons: [] }]);
  });

  test('follows the health of the server as a whole', async () => {
    await using running = await adminPair();
    running.pair.server.health.set('', 'NOT_SERVING');
    const answer = await ask(running.admin, '/readyz');
    expect(answer.status).toBe(503);
    expect(bodyOf(answer)).toEqual({
      ready: false,
      reasons: ['The health of a server is NOT_SERVING'],
    });
    running.pair.server.health.set('', 'SERVING');
    expect((await ask(running.admin, '/readyz')).status).toBe(200);
  });

  test('says no while a server drains, which it can be asked to the end', async () => {
    const arrived = deferred();
    const release = deferred();
    const unary = async (): Promise<object> => {
      arrived.resolve();
      await release.promise;
      return {};
    };
    await using running = await adminPair({}, { shapes: { unary } });
    const { pair, admin } = running;
    const call = pair.client.unary({});
    await arrived.promise;
    const over = pair.server.shutdown({ propagationMs: 0, graceMs: 30_000 });
    const answer = await ask(admin, '/readyz');
    expect(answer.status).toBe(503);
    expect(bodyOf(answer)).toEqual({ ready: false, reasons: ['A server drains'] });
    expect((await ask(admin, '/metrics')).body).toContain('inboard_server_draining');
    release.resolve();
    await call;
    await over;
    await expect(ask(admin, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('/snapshot', () => {
  test('has channels, endpoints, breakers, policy with its sources, and servers', async () => {
    await using running = await adminPair();
    await running.pair.client.unary({});
    const answer = await ask(running.admin, '/snapshot');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const address = `127.0.0.1:${running.pair.port}`;
    expect(bodyOf(answer)).toMatchObject({
      channels: [
        {
          target: running.pair.target,
          endpoints: [{ address, state: 'ready', picks: 1 }],
          policy: { balancer: 'peak_ewma', ejection: { baseMs: 30_000 }, healthCheck: null },
          sources: { balancer: 'default', 'ejection.baseMs': 'default', healthCheck: 'default' },
        },
      ],
      clients: [
        {
          target: running.pair.target,
          methods: among(
            having({
              path: '/inboard.testing.v1.ShapesService/Unary',
              breaker: having({ state: 'closed', openedAtMs: null }),
              policy: having({ timeoutMs: 15_000, maxTimeoutMs: null }),
              sources: having({ timeoutMs: 'default' }),
            }),
          ),
        },
      ],
      servers: [{ draining: false, connections: 1, health: { '': 'SERVING' } }],
    });
  });

  test('has what JSON has no word for as null or as text', () => {
    const value = {
      none: undefined,
      never: Infinity,
      nothing: Number.NaN,
      big: 2n ** 60n,
      set: new Set(['a']),
      map: new Map([['b', 1]]),
      how: parseInt,
      what: /x/,
      zero: 0,
    };
    expect(JSON.parse(toJson(value))).toEqual({
      none: null,
      never: null,
      nothing: null,
      big: '1152921504606846976',
      set: ['a'],
      map: { b: 1 },
      how: 'parseInt',
      what: '/x/',
      zero: 0,
    });
  });
});

describe('any answer', () => {
  test('has the headers that keep it where it is', async () => {
    await using running = await adminPair();
    for (const path of ['/', '/metrics', '/console', '/snapshot', '/deprecations', '/nothing']) {
      const { headers } = await ask(running.admin, path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('to HEAD is the same without a body', async () => {
    await using running = await adminPair();
    const answer = await ask(running.admin, '/healthz', { method: 'HEAD' });
    expect([answer.status, answer.body]).toEqual([200, '']);
    expect(answer.headers['content-length']).toBe('3');
  });

  test('to a wrong path or method names what there is', async () => {
    await using running = await adminPair();
    expect((await ask(running.admin, '/metrics/')).status).toBe(404);
    expect((await ask(running.admin, '/../etc/passwd')).status).toBe(404);
    const posted = await ask(running.admin, '/metrics', { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD']);
    const got = await ask(running.admin, '/console/invoke');
    expect([got.status, got.headers.allow]).toEqual([405, 'POST']);
    expect((await ask(running.admin, '/metrics?a=b')).status).toBe(200);
  });

  test('to headers without end is 431, and to what is no HTTP 400', async () => {
    await using running = await adminPair();
    const long = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`;
    expect(await askRaw(running.admin, long)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await askRaw(running.admin, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await askRaw(running.admin, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('of the console is 404 where that is off', async () => {
    await using running = await adminPair({ console: false, invoke: true });
    for (const path of ['/console', '/console/events', '/console/methods', '/console/invoke']) {
      expect((await ask(running.admin, path)).status).toBe(404);
    }
    expect((await ask(running.admin, '/')).body).not.toContain('/console');
    expect((await ask(running.admin, '/metrics')).status).toBe(200);
  });

  test('on / names what else there is', async () => {
    await using running = await adminPair();
    const { body } = await ask(running.admin, '/');
    for (const path of [
      '/console',
      '/metrics',
      '/healthz',
      '/readyz',
      '/snapshot',
      '/deprecations',
    ]) {
      expect(body).toContain(`href="${path}"`);
      expect((await ask(running.admin, path)).status).toBe(200);
    }
  });
});

describe('an address', () => {
  test('that is taken is refused with the reason', async () => {
    await using admin = createAdmin({ runtime: testRuntime() });
    const { port } = await admin.listen('127.0.0.1:0');
    const error = await rejection(admin.listen(`127.0.0.1:${port}`));
    expect(error).toBeInstanceOf(ListenError);
    expect((error as ListenError).code).toBe('EADDRINUSE');
    expect((error as ListenError).address).toBe(`127.0.0.1:${port}`);
  });

  test.each([['nonsense:port'], ['unix:/tmp/admin.sock'], ['127.0.0.1:70000'], ['127.0.0.1']])(
    '%s is refused as a mistake',
    async (address) => {
      await using admin = createAdmin({ runtime: testRuntime() });
      expect(await rejection(admin.listen(address))).toBeInstanceOf(ConfigError);
    },
  );

  test('may be one of several, each with options of its own', async () => {
    await using admin = createAdmin({ runtime: testRuntime() });
    const one = await admin.listen('127.0.0.1:0');
    const two = await admin.listen('[::1]:0', { console: false });
    expect(two.url).toBe(`http://[::1]:${two.port}`);
    expect((await ask(one, '/console')).status).toBe(200);
    expect((await fetch(`${two.url}/console`)).status).toBe(404);
  });
});
