import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import { PerformanceObserver } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { queryObjects } from 'node:v8';

import { describe, expect, test } from 'vitest';

import { ConfigError, createAdmin } from '../../../src/index.ts';
import { rejection, testRuntime } from '../../support/harness.ts';
import { adminPair, ask } from './support.ts';

/** An open stream of events. */
async function follow(port: number): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, path: '/console/events', agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** When a stream has closed, be it with an error. */
function closing(stream: Readable): Promise<void> {
  stream.on('error', () => undefined).resume();
  return new Promise((resolve) => void stream.once('close', resolve));
}

describe('the end of an admin listener', () => {
  test('ends its streams and its connections, and frees the address', async () => {
    await using admin = createAdmin({ runtime: testRuntime() });
    const bound = await admin.listen('127.0.0.1:0');
    const events = await follow(bound.port);
    const idle = connect(bound.port, '127.0.0.1');
    await once(idle, 'connect');
    const ended = Promise.all([closing(events), closing(idle)]);
    await bound[Symbol.asyncDispose]();
    await ended;
    await expect(ask(bound, '/')).rejects.toThrow('ECONNREFUSED');
    // Twice is once.
    await bound[Symbol.asyncDispose]();
    await using again = await admin.listen(`127.0.0.1:${bound.port}`);
    expect((await ask(again, '/healthz')).status).toBe(200);
  });

  test('is the end of its server, after which none can be opened', async () => {
    const running = await adminPair();
    const { server } = running.pair;
    await running[Symbol.asyncDispose]();
    await expect(ask(running.admin, '/')).rejects.toThrow('ECONNREFUSED');
    expect(await rejection(server.admin.listen(':0'))).toBeInstanceOf(ConfigError);
  });

  test('comes to one that is being opened, too', async () => {
    const admin = createAdmin({ runtime: testRuntime() });
    const opening = rejection(admin.listen(':0'));
    await admin[Symbol.asyncDispose]();
    expect(await opening).toBeInstanceOf(ConfigError);
  });

  test('leaves no observer behind', async () => {
    const before = queryObjects(PerformanceObserver, { format: 'count' });
    for (let round = 0; round < 5; round++) {
      await using admin = createAdmin({ runtime: testRuntime() });
      const bound = await admin.listen(':0');
      expect((await ask(bound, '/metrics')).status).toBe(200);
    }
    expect(queryObjects(PerformanceObserver, { format: 'count' })).toBe(before);
  });
});

describe('a process that is looked into', () => {
  const program = `
    import { once } from 'node:events';
    import { createAdmin } from '${new URL('../../../src/index.ts', import.meta.url).href}';
    const { port } = await createAdmin().listen('127.0.0.1:0');
    console.log(port);
    await once(process.stdin.resume(), 'end');
  `;

  test('is not kept alive by that, even with a console open', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    const [port] = (await once(child.stdout, 'data')) as [Buffer];
    const events = await follow(Number(port.toString()));
    const exited = once(child, 'exit');
    const closed = closing(events);
    child.stdin.end();
    expect(await exited).toEqual([0, null]);
    await closed;
  });
});
