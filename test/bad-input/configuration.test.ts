import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import {
  ConfigError,
  createChannel,
  createClient,
  createServer,
  insecure,
  ListenError,
  Status,
} from '../../src/index.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { rejection, startPair, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

describe('a target that does not parse is a ConfigError that quotes it', () => {
  test.each([
    [''],
    ['dns:///'],
    ['static:///'],
    ['static:///a'],
    ['static:///a:1,b'],
    ['static:///a:99999'],
    ['static:///[::1:50051'],
    ['static:///a b:1'],
    ['static://a:1'],
    ['static://host/a:1'],
    ['dns://ns.example.com/name:1'],
    ['unix://host/path'],
    ['http://orders:1'],
    ['ftp:///x:1'],
    ['localhost:notaport'],
    ['orders:50051/path'],
    ['constructor:///x:1'],
    ['toString:x'],
  ])('%j', (target) => {
    let error: unknown;
    try {
      createChannel(target);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(target);
  });

  test.each([
    'localhost:50051',
    'dns:///orders:50051',
    'dns:orders',
    'static:///[::1]:1,b:2',
    'unix:/a',
    'unix:a',
    '127.0.0.1:1',
  ])('%j is fine', (target) => {
    expect(createChannel(target).target).toBe(target);
  });
});

describe('listening', () => {
  test('on a port in use says whose fault it is and what to do', async () => {
    await using first = createServer();
    const { address } = await first.listen('127.0.0.1:0');
    await using second = createServer();
    const error = (await rejection(second.listen(address))) as ListenError;
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({ address, code: 'EADDRINUSE' });
    expect(error.message).toContain('listen on port 0');
    // The server is unharmed: another address works.
    expect((await second.listen('127.0.0.1:0')).port).toBeGreaterThan(0);
  });

  test.each(['0.0.0.0:0', ':0', '[::]:0'])(
    'on %s asks for credentials or insecure()',
    async (address) => {
      await using server = createServer();
      const error = await rejection(server.listen(address));
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toContain('insecure()');
      expect((await server.listen(address, { credentials: insecure() })).port).toBeGreaterThan(0);
    },
  );

  test('after shutdown is refused', async () => {
    await using server = createServer();
    await server.shutdown({ propagationMs: 0 });
    expect(await rejection(server.listen('127.0.0.1:0'))).toBeInstanceOf(ConfigError);
  });

  test('with limits or rules that make no sense is refused', async () => {
    const limits = createServer({ limits: { metadataPairs: 0 } });
    expect(String(await rejection(limits.listen('127.0.0.1:0')))).toContain('limits.metadataPairs');
    const rules = createServer({ authorize: { 'grpc.health.v1.Health': 'everyone' as never } });
    expect(String(await rejection(rules.listen('127.0.0.1:0')))).toContain("'everyone'");
  });

  test.each(['', 'nonsense', '127.0.0.1', '127.0.0.1:x', '127.0.0.1:70000', 'unix:'])(
    'on %j is a ConfigError',
    async (address) => {
      await using server = createServer();
      expect(await rejection(server.listen(address))).toBeInstanceOf(ConfigError);
    },
  );
});

describe('services', () => {
  test('added twice', () => {
    const server = createServer().add(ShapesServiceDefinition, shapes);
    expect(() => server.add(ShapesServiceDefinition, shapes)).toThrow(/added twice/);
  });

  test('that lack a method, whose name is told', () => {
    const { bidi: _bidi, ...rest } = shapes;
    expect(() => createServer().add(ShapesServiceDefinition, rest as never)).toThrow(/'bidi'/);
  });
});

describe('client options', () => {
  test('for a method that is not there', () => {
    const methods = { getOrder: { timeoutMs: 1 } } as object;
    expect(() => createClient(ShapesServiceDefinition, 'localhost:1', { methods })).toThrow(
      /no method 'getOrder'; it has unary, /,
    );
  });

  test.each([0, -1, Number.NaN])('timeoutMs %d', async (timeoutMs) => {
    const make = (): unknown =>
      createClient(ShapesServiceDefinition, 'localhost:1', { defaults: { timeoutMs } });
    expect(make).toThrow(ConfigError);
    await using pair = await startPair();
    // Of one call, no time left is what is left of somebody's deadline.
    const error = await rejection(pair.client.unary({}, { timeoutMs }));
    const expected = Number.isNaN(timeoutMs)
      ? { name: 'ConfigError' }
      : { code: Status.DEADLINE_EXCEEDED, processed: 'no' };
    expect(error).toMatchObject(expected);
  });

  test.each([
    ['limits.messageBytes', { limits: { messageBytes: -1 } }],
    ['keepalive.timeMs', { keepalive: { timeMs: 0 } }],
    ['connectTimeoutMs', { connectTimeoutMs: Number.NaN }],
  ])('%s that makes no sense', (option, options) => {
    expect(() => createChannel('localhost:1', options)).toThrow(`${option} is `);
  });

  test('an unknown balancer', () => {
    expect(() => createChannel('localhost:1', { balancer: 'best' as never })).toThrow(
      /balancer is "best"; give one of peak_ewma/,
    );
  });
});

describe('peers that are not there', () => {
  test('a refused connection fails at once, and says so', async () => {
    const tcp = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => tcp.once('listening', resolve));
    const { port } = tcp.address() as AddressInfo;
    await new Promise((resolve) => tcp.close(resolve));
    await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`, {
      runtime: testRuntime(),
    });
    expect(await rejection(client.unary({}))).toMatchObject({
      code: Status.UNAVAILABLE,
      processed: 'no',
      details: expect.stringMatching(
        /Cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
      ) as string,
    });
  });

  test('a peer that accepts and stays silent ends by the connect timeout, its socket closed', async () => {
    const closed = Promise.withResolvers<void>();
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('close', () => closed.resolve());
      socket.resume();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => tcp.once('listening', resolve));
    const { port } = tcp.address() as AddressInfo;
    await using client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`, {
      runtime: testRuntime(),
      connectTimeoutMs: 100,
    });
    expect(await rejection(client.unary({}))).toMatchObject({
      code: Status.UNAVAILABLE,
      processed: 'no',
      details: expect.stringContaining('no HTTP/2 connection within 100 ms') as string,
    });
    await closed.promise;
    await new Promise((resolve) => tcp.close(resolve));
  });

  test('wait-for-ready waits until the deadline', async () => {
    await using client = createClient(ShapesServiceDefinition, 'static:///127.0.0.1:1', {
      runtime: testRuntime(),
    });
    expect(await rejection(client.unary({}, { waitForReady: true, timeoutMs: 80 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      processed: 'no',
      details: expect.stringContaining(
        'it was never sent: Cannot connect to 127.0.0.1:1',
      ) as string,
    });
  });

  test('a name that does not resolve', async () => {
    await using client = createClient(ShapesServiceDefinition, 'dns:///no.such.host.invalid:1', {
      runtime: testRuntime(),
    });
    expect(await rejection(client.unary({}))).toMatchObject({
      code: Status.UNAVAILABLE,
      details: expect.stringContaining("'no.such.host.invalid' does not resolve") as string,
    });
  });
});
