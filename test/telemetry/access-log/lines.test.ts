import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { AccessLogOptions, ServerCall } from '../../../src/index.ts';
import {
  accessLog,
  createClient,
  createRuntime,
  HealthDefinition,
  ServerError,
  Status,
  TRACE,
} from '../../../src/index.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import type { PairOptions, ShapesClient, ShapesImplementation } from '../../support/harness.ts';
import { collect, deferred, rejection, startPair, TRANSPORTS } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { EVERYTHING, loggedPair, runtimeTo } from './logged-pair.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const SERVER: AccessLogOptions = { sample: 1 };

describe('what a real log file gets', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'access-log-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Runs calls with pino writing to a file; returns what is in the file. */
  async function written(
    options: AccessLogOptions,
    pairOptions: PairOptions,
    run: (client: ShapesClient) => Promise<unknown>,
    overrides: Partial<ShapesImplementation> = {},
  ): Promise<string> {
    const file = join(folder, 'access.log');
    const destination = pino.destination({ dest: file, sync: true });
    try {
      const runtime = runtimeTo(pino(destination), options);
      await using pair = await startPair(overrides, { ...pairOptions, runtime });
      await run(pair.client);
    } finally {
      destination.end();
    }
    return readFile(file, 'utf8');
  }

  const parse = (text: string): Record<string, unknown>[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test.each(TRANSPORTS)('one line a call and side, for each shape (%s)', async (_name, make) => {
    const text = await written(EVERYTHING, { transport: make() }, async (client) => {
      await client.unary({ sample: { text: 'a' } }, { timeoutMs: 60_000 });
      await client.clientStream(samples('a', 'b'));
      await collect(client.serverStream({ count: 3 }));
      await collect(client.bidi(samples('a', 'b')));
    });
    const lines = parse(text);
    const shown = (side: string): unknown[] =>
      lines
        .filter((line) => line['side'] === side)
        .map(({ method, type, code, requestMessages, responseMessages, msg, level }) => {
          return { method, type, code, requestMessages, responseMessages, msg, level };
        });
    const common = { code: 'OK', msg: 'call', level: 30 };
    const streams = { requestMessages: undefined, responseMessages: undefined };
    const expected = [
      { ...common, ...streams, method: 'Unary', type: 'unary' },
      { ...common, ...streams, method: 'ClientStream', type: 'client_stream', requestMessages: 2 },
      { ...common, ...streams, method: 'ServerStream', type: 'server_stream', responseMessages: 3 },
      { ...common, method: 'Bidi', type: 'bidi_stream', requestMessages: 2, responseMessages: 2 },
    ];
    expect(shown('server')).toEqual(expected);
    expect(shown('client')).toEqual(expected);
    expect(lines).toHaveLength(8);
  });

  test('what it says of a call', async () => {
    const text = await written(EVERYTHING, {}, (client) => client.unary({}, { timeoutMs: 60_000 }));
    const [server, client] = parse(text);
    const common = {
      ...{ service: SERVICE, method: 'Unary', type: 'unary', code: 'OK' },
    };
    expect(server).toMatchObject({ side: 'server', ...common });
    expect(client).toMatchObject({ side: 'client', ...common, attempts: 1 });
    expect(client?.['timeoutMs']).toBeCloseTo(60_000, -3);
    for (const line of [server, client]) {
      expect(line?.['peer']).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(line?.['durationMs']).toBeGreaterThanOrEqual(0);
      expect(line?.['durationMs']).toBeLessThan(10_000);
      expect(line?.['remainingMs']).toBeGreaterThan(50_000);
    }
    // What is left of it when it arrives.
    expect(server?.['timeoutMs']).toBeGreaterThan(50_000);
    expect(server?.['timeoutMs']).toBeLessThanOrEqual(60_000);
    expect(server?.['remainingMs']).toBeLessThanOrEqual(60_000);
    expect(server).not.toHaveProperty('attempts');
    expect(server).not.toHaveProperty('details');
    expect(server).not.toHaveProperty('requestMetadata');
  });

  test('no secret, wherever a call carries one', async () => {
    const SECRET = 'hunter2-hunter2';
    const metadata = {
      authorization: `Bearer ${SECRET}`,
      'proxy-authorization': SECRET,
      cookie: `session=${SECRET}`,
      'set-cookie': SECRET,
      'x-token-bin': new TextEncoder().encode(SECRET),
      'x-other': SECRET,
      'x-request-id': 'request-7',
    };
    const options = { ...EVERYTHING, metadata: ['X-Request-Id', 'x-absent'] };
    const text = await written(
      options,
      {},
      async (client) => {
        await client.unary({ sample: { text: SECRET } }, { metadata });
        await collect(client.bidi(samples(SECRET, SECRET), { metadata }));
        await rejection(client.unarySafe({ sample: { text: SECRET } }, { metadata }));
        await rejection(client.clientStream(samples(SECRET), { metadata }));
      },
      {
        unarySafe: async () => {
          throw new ServerError(Status.INVALID_ARGUMENT, 'no');
        },
        clientStream: async () => {
          throw new Error('a defect');
        },
      },
    );
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(Buffer.from(SECRET).toString('base64'));
    const lines = parse(text).filter(({ msg }) => msg === 'call');
    expect(lines).toHaveLength(8);
    expect(lines.map((line) => line['requestMetadata'])).toEqual(
      Array.from({ length: 8 }, () => ({ 'x-request-id': 'request-7' })),
    );
  });

  test('a text with line breaks stays one line, and a long one is cut', async () => {
    const details = `first\n{"msg":"forged"}\r\n\u001b[31m${'x'.repeat(500)}`;
    const text = await written(SERVER, {}, (client) => rejection(client.unary({})), {
      unary: async () => {
        throw new ServerError(Status.NOT_FOUND, details);
      },
    });
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    const [line] = parse(text);
    expect(line?.['details']).toBe(`${details.slice(0, 199)}…`);
    expect(text).not.toContain('\u001b');
  });
});

describe('how calls end', () => {
  test.each([
    ['INVALID_ARGUMENT', 'info'],
    ['NOT_FOUND', 'info'],
    ['ALREADY_EXISTS', 'info'],
    ['FAILED_PRECONDITION', 'info'],
    ['ABORTED', 'info'],
    ['OUT_OF_RANGE', 'info'],
    ['CANCELLED', 'info'],
    ['UNAUTHENTICATED', 'warn'],
    ['PERMISSION_DENIED', 'warn'],
    ['DEADLINE_EXCEEDED', 'warn'],
    ['RESOURCE_EXHAUSTED', 'warn'],
    ['UNIMPLEMENTED', 'warn'],
    ['UNAVAILABLE', 'warn'],
    ['UNKNOWN', 'error'],
    ['INTERNAL', 'error'],
    ['DATA_LOSS', 'error'],
  ] as const)('%s is logged at %s', async (code, level) => {
    const unary = async (): Promise<never> => {
      throw new ServerError(Status[code], 'because');
    };
    await using pair = await loggedPair(EVERYTHING, { unary });
    await rejection(pair.client.unary({}));
    const line = { level, fields: { code, details: 'because' } };
    expect(pair.lines()).toMatchObject([line, line]);
  });

  test("a handler's own error is found by its id, on both sides", async () => {
    const unary = async (): Promise<never> => {
      throw new Error('the disk is full');
    };
    await using pair = await loggedPair(EVERYTHING, { unary });
    await rejection(pair.client.unary({}));
    const told = pair.log.find(({ message }) => message === 'a handler failed');
    const errorId = told?.fields['errorId'];
    expect(errorId).toMatch(/^[0-9a-f-]{36}$/);
    const line = { level: 'error', fields: { code: 'UNKNOWN', errorId } };
    expect(pair.lines()).toMatchObject([line, line]);
    expect(JSON.stringify(pair.lines())).not.toContain('disk');
  });

  test('a deadline that passes', async () => {
    const unary = (): Promise<never> => new Promise(() => undefined);
    await using pair = await loggedPair(EVERYTHING, { unary });
    await rejection(pair.client.unary({}, { timeoutMs: 30 }));
    await expect.poll(() => pair.lines()).toHaveLength(2);
    for (const { level, fields } of pair.lines()) {
      expect({ level, ...fields }).toMatchObject({ level: 'warn', code: 'DEADLINE_EXCEEDED' });
      expect(fields['timeoutMs']).toBeGreaterThan(0);
      expect(fields['remainingMs']).toBeLessThanOrEqual(0);
    }
  });

  test('a stream that its caller leaves', async () => {
    const stopped = deferred();
    async function* serverStream(): AsyncGenerator<{ index: number }> {
      try {
        for (let index = 0; ; index++) {
          yield { index };
          await new Promise((resolve) => void setImmediate(resolve));
        }
      } finally {
        stopped.resolve();
      }
    }
    await using pair = await loggedPair(EVERYTHING, { serverStream });
    for await (const { index } of pair.client.serverStream({})) if (index === 2) break;
    await stopped.promise;
    await expect.poll(() => pair.lines()).toHaveLength(2);
    for (const { level, fields } of pair.lines()) {
      expect({ level, ...fields }).toMatchObject({ level: 'info', code: 'CANCELLED' });
      expect(fields['responseMessages']).toBeGreaterThanOrEqual(3);
      expect(fields['peer']).toMatch(/^127\.0\.0\.1:\d+$/);
    }
  });

  test('a method that is not served', async () => {
    await using pair = await loggedPair(SERVER, {}, { server: { health: false } });
    const other = createRuntime({ logger: recordingLogger(), metrics: false, tracing: false });
    await using stray = createClient(HealthDefinition, pair.target, { runtime: other });
    await rejection(stray.check({ service: '' }));
    expect(pair.lines()).toMatchObject([
      {
        level: 'warn',
        fields: {
          ...{ service: 'grpc.health.v1.Health', method: 'Check', type: 'unknown' },
          code: 'UNIMPLEMENTED',
        },
      },
    ]);
  });

  test('a call that was refused here, and one that was tried again', async () => {
    let failures = 1;
    await using pair = await loggedPair(
      { ...EVERYTHING, sides: ['client'] },
      {
        unarySafe: async () => {
          if (failures-- > 0) throw new ServerError(Status.UNAVAILABLE, 'not now');
          return {};
        },
      },
      {
        client: {
          defaults: { retry: { backoff: { initialMs: 1, maxMs: 1 } } },
          methods: { unary: { rateLimit: { perSecond: 0.001, burst: 1 } } },
        },
      },
    );
    await pair.client.unarySafe({});
    await pair.client.unary({});
    await rejection(pair.client.unary({}));
    const peer = `127.0.0.1:${pair.port}`;
    expect(pair.lines().map(({ fields }) => fields)).toMatchObject([
      { method: 'UnarySafe', code: 'OK', attempts: 2, peer },
      { method: 'Unary', code: 'OK', attempts: 1, peer },
      { code: 'RESOURCE_EXHAUSTED', attempts: 0, peer: null, rejected: 'rate_limited' },
    ]);
  });

  test('a traced call says which trace it belongs to', async () => {
    const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    const logger = recordingLogger();
    const tracer = {
      serverCall: (next: (call: ServerCall) => Promise<unknown>) => (call: ServerCall) => {
        call.set(TRACE, ids);
        return next(call);
      },
    };
    const telemetry = [accessLog(SERVER), tracer];
    const runtime = {
      ...createRuntime({ logger, telemetry }),
      log: logger.entries,
    };
    await using pair = await startPair({}, { runtime });
    await pair.client.unary({});
    expect(logger.entries).toMatchObject([{ message: 'call', fields: ids }]);
  });
});
