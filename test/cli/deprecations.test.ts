// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import { createAdmin, createRuntime } from '../../src/index.ts';
import { recordingLogger } from '../../src/testing/index.ts';
import type { DeprecationsPair } from '../telemetry/deprecations/service.ts';
import { SERVICE, startDeprecations } from '../telemetry/deprecations/service.ts';
import type { CliRun } from './cli.ts';
import { inboard, startInboard } from './cli.ts';

/** A server with an admin endpoint, whose callers are called `service`. */
interface Served extends AsyncDisposable {
  readonly url: string;
  readonly client: DeprecationsPair['client'];
}

async function serve(service: string): Promise<Served> {
  const runtime = createRuntime({ service, logger: recordingLogger() });
  const pair = await startDeprecations({ runtime });
  const { url } = await pair.server.admin.listen(':0', { console: false });
  return { url, client: pair.client, [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() };
}

/** Something else that answers HTTP. */
async function answerWith(listener: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function ask(...args: string[]): Promise<CliRun> {
  return inboard(['deprecations', ...args]);
}

/** Lines of a table, columns apart by one space. */
function lines({ stdout }: CliRun): string[] {
  return stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
}

const UNUSED = '0 unused: safe to remove here';
const TIME = String.raw`20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ`;

describe('inboard deprecations', { timeout: 60_000 }, () => {
  test('tells who uses what, and what nobody does', async () => {
    await using served = await serve('checkout');
    await served.client.putOld({});
    await served.client.putOld({}, { metadata: { 'x-inboard-caller': 'basket' } });
    await served.client.putOld({});
    await served.client.put({ oldText: 'a' });
    const run = await ask('--from', served.url);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const [heading, ...rows] = lines(run);
    expect(heading).toBe('METHOD FIELD CALLER CALLS LAST USE');
    expect(rows).toHaveLength(20 + 3);
    const text = rows.join('\n');
    expect(text).toMatch(
      new RegExp(
        `^${SERVICE}/PutOld - checkout 2 ${TIME}\n${SERVICE}/PutOld - basket 1 ${TIME}$`,
        'm',
      ),
    );
    const field = 'inboard.testing.v1.PutRequest.old_text';
    expect(text).toMatch(new RegExp(`^${SERVICE}/Put ${field} checkout 1 ${TIME}$`, 'm'));
    expect(rows).toContain(`${SERVICE}/Chat - - ${UNUSED}`);
    expect(rows).toContain(`${SERVICE}/Put inboard.testing.v1.Part.old_bytes - ${UNUSED}`);
    expect(text).toMatch(new RegExp(`\n\nCounted in this process since ${TIME}\\.\n$`));
    expect(text).not.toContain('Plain');
  });

  test('adds up processes, each once however often it is named', async () => {
    await using one = await serve('checkout');
    await using two = await serve('checkout');
    await one.client.putOld({});
    await two.client.putOld({});
    await two.client.putOld({}, { metadata: { 'x-inboard-caller': 'basket' } });
    const urls = `${one.url},${two.url}`;
    const { code, stdout } = await ask('--from', urls, '--from', `${one.url}/`, '-o', 'json');
    expect(code).toBe(0);
    const sum = JSON.parse(stdout) as { deprecated: { method: string; uses: object[] }[] };
    expect(sum).toMatchObject({ processes: 2, since: expect.stringMatching(/^20.*Z$/) as string });
    const used = sum.deprecated.filter(({ uses }) => uses.length > 0);
    expect(used).toMatchObject([
      {
        method: `${SERVICE}/PutOld`,
        field: '',
        uses: [
          { caller: 'checkout', calls: 2 },
          { caller: 'basket', calls: 1 },
        ],
      },
    ]);
    const table = await ask('--from', one.url, '--from', two.url);
    expect(table.stdout).toContain('Counted in these 2 processes since 20');
  });

  test('--fail-if-used fails for what is used, and says by whom', async () => {
    await using served = await serve('checkout');
    const before = await ask('--from', served.url, '--fail-if-used');
    expect(before).toMatchObject({ code: 0, stderr: '' });
    await served.client.put({ oldText: 'a', part: { oldBytes: Buffer.from('a') } });
    for (let caller = 0; caller < 6; caller++) {
      await served.client.putOld({}, { metadata: { 'x-inboard-caller': `caller-${caller}` } });
    }
    const { code, stdout, stderr } = await ask('--from', served.url, '--fail-if-used');
    expect(code).toBe(100);
    expect(stdout).toContain('checkout');
    expect(stderr).toBe(
      'inboard: 3 of 19 deprecated methods and fields are in use, by checkout, caller-0, ' +
        'caller-1, caller-2, caller-3 and 2 more\n' +
        '  Move these callers to what replaces them, and restart the servers, which begin to ' +
        'count anew.\n',
    );
    const json = await ask('--from', served.url, '--fail-if-used', '-o', 'json');
    expect(json.code).toBe(100);
    expect(JSON.parse(json.stdout)).toHaveProperty('deprecated');
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { exitCode: 100 } });
  });

  test('says that nothing is deprecated', async () => {
    const runtime = createRuntime({ logger: recordingLogger() });
    await using admin = createAdmin({ runtime });
    const { url } = await admin.listen(':0');
    const nothing = 'Nothing that is deprecated is served by this process.\n';
    const { code, stdout } = await ask('--from', url, '--fail-if-used');
    expect({ code, stdout }).toEqual({ code: 0, stdout: nothing });
  });

  test('says what it was answered that is no report', async () => {
    const older: RequestListener = (_request, response) => {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":"There is nothing here: see /"}');
    };
    const page: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello');
    };
    const json =
      (value: unknown): RequestListener =>
      (_request, response) => {
        response.end(JSON.stringify(value));
      };
    const since = '2026-11-03T00:00:00.000Z';
    const answers: [RequestListener, RegExp][] = [
      [older, /\/deprecations answered 404, no deprecations: There is nothing here: see \/\n/],
      [page, /\/deprecations answered 200, no deprecations\n/],
      [json(null), /answered 200, no deprecations\n/],
      [json({ since, deprecated: [{ method: 'a', field: '' }] }), /answered 200, no depr/],
      [
        json({ since, deprecated: [{ method: 'a', field: '', uses: [{ caller: 1 }] }] }),
        /answered 200, no deprecations\n/,
      ],
    ];
    for (const [listener, message] of answers) {
      await using peer = await answerWith(listener);
      const { code, stdout, stderr } = await ask('--from', peer.url);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/\n {2}Is this an admin endpoint, and its inboard new enough/);
    }
  });

  test('says that a process does not count', async () => {
    const runtime = createRuntime({ metrics: false, logger: recordingLogger() });
    await using admin = createAdmin({ runtime });
    const { url } = await admin.listen(':0');
    const { code, stderr } = await ask('--from', url);
    expect(code).toBe(1);
    expect(stderr).toContain('answered 503, no deprecations: Nothing is counted here');
  });

  test('tells nothing where one of the processes is not there', async () => {
    await using served = await serve('checkout');
    const away = await answerWith(() => undefined);
    await away[Symbol.asyncDispose]();
    const { code, stdout, stderr } = await ask('--from', `${served.url},${away.url}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^inboard: http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*\n {2}Is the/);
  });

  const wrong: [what: string, args: string[], message: RegExp][] = [
    ['no process', [], /required option '--from <url>' not specified/],
    [
      'an option mistyped',
      ['--from', 'a', '--fail-if-use'],
      /'--fail-if-use'\n\(Did you mean --fail-if-used\?\)/,
    ],
    ['an argument', ['a', '--from', 'b'], /too many arguments/],
    ['no such format', ['--from', 'a', '-o', 'yaml'], /Allowed choices are table, json/],
    ['an empty URL', ['--from', 'localhost:1,'], /--from '' is no URL\n {2}Write it as http/],
    ['a file', ['--from', 'file:///a.json'], /--from 'file:\/\/\/a\.json' is no URL/],
  ];
  test.each(wrong)('%s: exit code 2, and what to do', async (_what, args, message) => {
    const { code, stdout, stderr } = await ask(...args);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('what a process sends steers no terminal', async () => {
    const use = { caller: 'a\u001B[2J', calls: 1, lastAt: '\u0007' };
    const since = '2026-11-03T00:00:00.000Z';
    const report = { since, deprecated: [{ method: 'a.B/C\u001B[1m', field: '', uses: [use] }] };
    await using peer = await answerWith((_request, response) => {
      response.end(JSON.stringify(report));
    });
    const { stdout, stderr } = await ask('--from', peer.url, '--fail-if-used');
    expect(stdout).toContain('a.B/C?[1m  -      a?[2J   1      ?\n');
    expect(stderr).toContain('in use, by a?[2J\n');
  });

  test('ends quietly when its reader has had enough', async () => {
    await using served = await serve('checkout');
    const run = startInboard(['deprecations', '--from', served.url]);
    run.child.stdout?.destroy();
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends on Ctrl-C while it waits', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using peer = await answerWith(() => resolve());
    const run = startInboard(['deprecations', '--from', peer.url]);
    await asked;
    run.child.kill('SIGINT');
    expect(await run.ended).toEqual({ code: 130, stdout: '', stderr: '' });
  });
});
