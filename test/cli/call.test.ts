import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { RichServerError, ServerError, Status } from '../../src/index.ts';
import type { Pair, ShapesImplementation } from '../support/harness.ts';
import { deferred, startPair } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import type { CliOptions, CliRun, StartedCli } from './cli.ts';
import { inboard, jsonLines, startInboard } from './cli.ts';
import type { Descriptors } from './descriptors.ts';
import { makeDescriptors } from './descriptors.ts';

let made: Descriptors;

beforeAll(async () => {
  made = await makeDescriptors();
}, 30_000);

afterAll(() => made.remove());

/** A server of ours with reflection, and calls of it from the command line. */
async function start(overrides: Partial<ShapesImplementation> = {}): Promise<
  AsyncDisposable & {
    readonly pair: Pair;
    call(method: string, args?: readonly string[], options?: CliOptions): Promise<CliRun>;
    begin(method: string, args: readonly string[]): StartedCli;
  }
> {
  const pair = await startPair(overrides, {
    server: { reflection: { descriptors: made.image } },
  });
  const whole = (method: string, args: readonly string[]): string[] => [
    'call',
    `inboard.testing.v1.ShapesService/${method}`,
    ...['--target', `127.0.0.1:${pair.port}`],
    ...args,
  ];
  return {
    pair,
    call: (method, args = [], options = {}) => inboard(whole(method, args), options),
    begin: (method, args) => startInboard(whole(method, args)),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

describe('call', { timeout: 60_000 }, () => {
  test('speaks all four shapes, by what the server tells of itself', async () => {
    await using server = await start();
    const two = '{"sample":{"text":"a"}} {"sample":{"text":"Größe 🧊"}}';
    const unary = await server.call('Unary', ['-d', '{"sample": {"big": "9007199254740993"}}']);
    expect(unary.stdout).toBe('{\n  "sample": {\n    "big": "9007199254740993"\n  }\n}\n');
    expect(unary).toMatchObject({ code: 0, stderr: '' });
    const clientStream = await server.call('ClientStream', ['-o', 'json', '-d', two]);
    expect(jsonLines(clientStream)).toEqual([{ count: 2, last: { text: 'Größe 🧊' } }]);
    const serverStream = await server.call('ServerStream', ['-o', 'json', '-d', '{"count": 3}']);
    expect(jsonLines(serverStream)).toEqual([{}, { index: 1 }, { index: 2 }]);
    const bidi = await server.call('Bidi', ['-o', 'json', '-d', '@'], { input: two });
    expect(jsonLines(bidi)).toEqual([
      { sample: { text: 'a' } },
      { index: 1, sample: { text: 'Größe 🧊' } },
    ]);
  });

  test('reads messages from stdin, whatever stands between them', async () => {
    await using server = await start();
    const input = '\n{"sample":\n  {"text": "a}\\"{"}}{"sample":{"text":"b"}}\r\n\n{}';
    const { stdout } = await server.call('ClientStream', ['-o', 'json', '-d', '@'], { input });
    expect(JSON.parse(stdout)).toEqual({ count: 3 });
    const one = await server.call('Unary', ['-d', '@', '-o', 'json'], { input: '{"sample":{}}' });
    expect(JSON.parse(one.stdout)).toEqual({ sample: {} });
    const none = await server.call('Unary', ['-o', 'json', '--emit-defaults']);
    expect(none).toMatchObject({ code: 0, stdout: '{}\n' });
    const more = await server.call('Unary', ['-d', '{} {}']);
    expect(more.stderr).toContain('Unary takes one message, and 2 were given');
    expect(more.code).toBe(2);
  });

  test('sends each message as it comes, and prints each answer as it comes', async () => {
    await using server = await start();
    const run = server.begin('Bidi', ['-o', 'json', '-d', '@']);
    run.child.stdin?.write('{"sample":{"text":"first"}}\n');
    await run.printed('{"sample":{"text":"first"}}\n');
    run.child.stdin?.write('{"sample":{"text":"second"}}');
    await run.printed('{"index":1,"sample":{"text":"second"}}\n');
    run.child.stdin?.end();
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends when the server does, whoever still types', async () => {
    await using server = await start({
      async *bidi(requests) {
        for await (const { sample } of requests) {
          yield { sample };
          if (sample?.text === 'fail') throw new ServerError(Status.ABORTED, 'had enough');
          return;
        }
      },
    });
    for (const [text, code] of [
      ['bye', 0],
      ['fail', 64 + 10],
    ] as const) {
      const run = server.begin('Bidi', ['-o', 'json', '-d', '@']);
      run.child.stdin?.write(`{"sample":{"text":"${text}"}}\n`);
      const { stdout, code: ended } = await run.ended;
      expect({ stdout, ended }).toEqual({
        stdout: `{"sample":{"text":"${text}"}}\n`,
        ended: code,
      });
    }
  });

  test('sends metadata and a time limit, and shows what happens', async () => {
    const came: unknown[] = [];
    await using server = await start({
      async unary(_request, { metadata, header, trailer, remainingMs }) {
        came.push(metadata.getAll('x-text'), [...(metadata.get('x-bytes-bin') ?? [])]);
        came.push(remainingMs() <= 5_000);
        header.set('x-head', 'at first');
        trailer.set('x-bytes-bin', new Uint8Array([0, 255, 44]));
        return {};
      },
    });
    const headers = ['-H', 'x-text: a', '-H', 'x-text:b', '-H', 'x-bytes-bin: AP8s'];
    const { stdout, stderr } = await server.call('Unary', ['-v', ...headers, '--timeout', '5s']);
    expect(came).toEqual([['a, b'], [0, 255, 44], true]);
    expect(stdout).toBe('{}\n');
    expect(stderr).toMatch(/^> x-text: a, b\n> x-bytes-bin: AP8s$/m);
    expect(stderr).toMatch(/^< header x-head: at first$/m);
    expect(stderr).toMatch(/^< trailer x-bytes-bin: AP8s$/m);
    expect(stderr).toMatch(/^\* attempt 1: 127\.0\.0\.1:\d+, OK after [\d.]+ ms$/m);
    expect(stderr).toMatch(/^\* OK after [\d.]+ ms, 1 attempt$/m);
  });

  test('shows each attempt', async () => {
    let calls = 0;
    await using server = await start({
      async unarySafe() {
        if (++calls === 1) throw new ServerError(Status.UNAVAILABLE, 'not yet');
        return {};
      },
    });
    const { stderr, code } = await server.call('UnarySafe', ['-v']);
    expect(stderr).toMatch(/attempt 1: .*UNAVAILABLE.*\n\* attempt 2: .*OK.*\n.*2 attempts/s);
    expect(code).toBe(0);
  });

  test('ends with the status of the call, and shows its details', async () => {
    await using server = await start({
      async unary() {
        throw new RichServerError(Status.FAILED_PRECONDITION, 'Größe 100% 🧊\u001B[2J', [
          { type: 'ErrorInfo', value: { reason: 'SOLD_OUT', domain: 'shop' } },
        ]);
      },
      async *serverStream() {
        yield { index: 7 };
        throw new ServerError(Status.ABORTED, 'half of it');
      },
    });
    const { code, stderr } = await server.call('Unary');
    expect(stderr).toMatch(/^inboard: FAILED_PRECONDITION \(9\): Größe 100% 🧊\?\[2J\n/);
    expect(stderr).toContain('google.rpc.ErrorInfo: {"reason":"SOLD_OUT","domain":"shop"');
    expect(code).toBe(64 + 9);
    const asJson = await server.call('Unary', ['-o', 'json']);
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: {
        status: 'FAILED_PRECONDITION',
        details: [{ type: 'google.rpc.ErrorInfo', value: { reason: 'SOLD_OUT' } }],
        exitCode: 73,
      },
    });
    const half = await server.call('ServerStream', ['-o', 'json']);
    expect(half).toMatchObject({ code: 74, stdout: '{"index":7}\n' });
    const late = await start({ unary: () => new Promise(() => undefined) });
    await using _late = late;
    const timedOut = await late.call('Unary', ['--timeout', '300ms']);
    expect(timedOut.stderr).toMatch(/DEADLINE_EXCEEDED \(4\).*--timeout 1m/s);
    expect(timedOut.code).toBe(68);
  });

  const wrong: [what: string, method: string, args: string[], message: RegExp][] = [
    ['a method mistyped', 'Unry', [], /has no method 'Unry'\n {2}Did you mean Unary\?/],
    ['a method of nobody', 'Zzz', [], /It has: Unary, UnarySafe, ClientStream/],
    ['no JSON', 'Unary', ['-d', '{"sample": '], /is no JSON: Unexpected end/],
    ['a file as curl has it', 'Unary', ['-d', '@x.json'], /no JSON.*\n {2}.*-d @ < x\.json/],
    ['a field mistyped', 'Unary', ['-d', '{"sampel": {}}'], /UnaryRequest.*Did you mean "sample"/s],
    [
      'a value of the wrong type',
      'Unary',
      ['-d', '{"sample": {"text": 5}}'],
      /Sample\.text from JSON: expected string, got 5/,
    ],
  ];

  test.each(wrong)('%s: exit code 2, and what was meant', async (_what, method, args, message) => {
    await using server = await start();
    const { code, stderr } = await server.call(method, args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test('says which message on stdin is wrong, and lets the call go', async () => {
    const left = deferred();
    await using server = await start({
      async *bidi(requests, context) {
        context.signal.addEventListener('abort', () => left.resolve());
        yield* shapes.bidi(requests, context);
      },
    });
    const input = '{"sample":{"text":"a"}}\n\n{"sample":{"txt":"b"}}\n';
    const { code, stderr } = await server.call('Bidi', ['-d', '@'], { input });
    expect(stderr).toMatch(/message 2 on stdin, line 3\).*key "txt" is unknown/);
    expect(stderr).toContain('Did you mean "text"?');
    expect(code).toBe(2);
    await left.promise;
  });

  test('ends at once with 130 on Ctrl-C, and the server is told', async () => {
    const left = deferred();
    await using server = await start({
      async *serverStream(request, { signal }) {
        signal.addEventListener('abort', () => left.resolve());
        yield { index: request.count };
        await new Promise(() => undefined);
      },
    });
    const run = server.begin('ServerStream', ['-o', 'json', '-d', '{"count": 4}']);
    await run.printed('{"index":4}');
    run.child.kill('SIGINT');
    expect(await run.ended).toMatchObject({ code: 130, stderr: '' });
    await left.promise;
  });

  test('ends quietly when its reader has had enough, and the server is told', async () => {
    const left = deferred();
    await using server = await start({
      async *serverStream(_request, { signal }) {
        signal.addEventListener('abort', () => left.resolve());
        for (let index = 0; !signal.aborted; index++) yield { index };
      },
    });
    const run = server.begin('ServerStream', ['-o', 'json']);
    await run.printed('{"index":1}');
    run.child.stdout?.destroy();
    await left.promise;
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
