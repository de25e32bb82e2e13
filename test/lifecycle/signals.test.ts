import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ServerOptions } from '../../src/index.ts';
import { createClient, createServer, Status } from '../../src/index.ts';
import { collect, rejection, testRuntime } from '../support/harness.ts';

// Processes start, and on a busy machine that takes a while.
vi.setConfig({ testTimeout: 30_000 });

const SCRIPT = fileURLToPath(new URL('./draining-process.ts', import.meta.url));

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** A server process, with what it prints. */
class ServerProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  private readonly exited: Promise<unknown[]>;

  constructor(options: ServerOptions, servers: number = 1) {
    this.child = spawn(process.execPath, [SCRIPT, JSON.stringify({ servers, options })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(this.child);
    this.exited = once(this.child, 'close');
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.lines.push(line));
  }

  /** Waits for a line, so many times over. */
  async says(text: string, times: number = 1): Promise<string[]> {
    const found = (): string[] => this.lines.filter((line) => line.startsWith(text));
    await vi.waitUntil(() => found().length >= times, { timeout: 15_000 });
    return found();
  }

  /** Clients of its servers, once they listen. */
  async clients(servers: number = 1) {
    const lines = await this.says('listening', servers);
    return lines.map((line) =>
      createClient(ShapesServiceDefinition, `static:///${line.split(' ')[1]}`, {
        runtime: testRuntime(),
      }),
    );
  }

  /** Its exit code, or the signal that ended it. */
  async end(): Promise<unknown> {
    const [code, signal] = await this.exited;
    return code ?? signal;
  }
}

const drain = { propagationMs: 0 };

describe('a server process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and exits with 0', async (signal) => {
    const server = new ServerProcess({ signals: ['SIGTERM', 'SIGINT'], drain });
    const [client] = await server.clients();
    await using _end = client!;
    const stream = collect(client!.serverStream({}));
    await server.says('stream begun');
    server.child.kill(signal);
    expect((await stream).map(({ index }) => index)).toEqual([0, 1]);
    expect(await server.end()).toBe(0);
    expect(server.lines).toContain('stream finished');
  });

  test('that was not told so dies of the signal with its calls: the control', async () => {
    const server = new ServerProcess({ drain });
    const [client] = await server.clients();
    await using _end = client!;
    const stream = rejection(collect(client!.serverStream({})));
    await server.says('stream begun');
    server.child.kill('SIGTERM');
    expect(await stream).toMatchObject({ code: Status.UNAVAILABLE });
    expect(await server.end()).toBe('SIGTERM');
    expect(server.lines).not.toContain('stream finished');
  });

  test('ends at once on a second signal, and tells the calls it cuts off', async () => {
    const server = new ServerProcess({ signals: ['SIGTERM', 'SIGINT'], drain });
    const [client] = await server.clients();
    await using _end = client!;
    const stream = collect(client!.serverStream({}));
    const stuck = rejection(client!.unary({}));
    await server.says('stream begun');
    await server.says('unary begun');
    server.child.kill('SIGTERM');
    // The drain goes on: the stream has finished, the other call has not.
    await stream;
    server.child.kill('SIGINT');
    expect(await stuck).toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'The server was shut down before the call was over',
    });
    expect(await server.end()).toBe(0);
  });

  test('ends what is stuck after its grace', async () => {
    const server = new ServerProcess({
      signals: ['SIGTERM'],
      drain: { propagationMs: 0, graceMs: 200 },
    });
    const [client] = await server.clients();
    await using _end = client!;
    const stuck = rejection(client!.unary({}));
    await server.says('unary begun');
    server.child.kill('SIGTERM');
    expect(await stuck).toMatchObject({ code: Status.UNAVAILABLE });
    expect(await server.end()).toBe(0);
  });

  test('with two servers exits when both are done', async () => {
    const server = new ServerProcess({ signals: ['SIGTERM'], drain }, 2);
    const clients = await server.clients(2);
    const streams = Promise.all(clients.map((client) => collect(client.serverStream({}))));
    await server.says('stream begun', 2);
    server.child.kill('SIGTERM');
    expect((await streams).map(({ length }) => length)).toEqual([2, 2]);
    expect(await server.end()).toBe(0);
    expect(server.lines.filter((line) => line === 'stream finished')).toHaveLength(2);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });
});

test('handlers of signals are there while a server listens, and not longer', async () => {
  const count = (): number => process.listenerCount('SIGTERM');
  const before = count();
  await using server = createServer({ runtime: testRuntime(), signals: ['SIGTERM'] });
  expect(count()).toBe(before);
  await server.listen('127.0.0.1:0');
  await server.listen('127.0.0.1:0');
  expect(count()).toBe(before + 1);
  await server.shutdown({ propagationMs: 0 });
  expect(count()).toBe(before);
});
