import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ReflectionOptions, Server } from '../../src/index.ts';
import { ConfigError, createServer, insecure } from '../../src/index.ts';
import { rejection, testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import type { BufRun } from './buf.ts';
import { buf, bufCurl, messagesOf } from './buf.ts';

let folder = '';
let descriptors = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-reflection-'));
  descriptors = join(folder, 'descriptors.binpb');
  const built = await buf(['build', '--as-file-descriptor-set', '-o', descriptors]);
  if (built.code !== 0) throw new Error(built.errors);
});

afterAll(() => rm(folder, { recursive: true }));

function serveShapes(reflection?: ReflectionOptions): Server {
  const server = createServer({ runtime: testRuntime(), ...(reflection && { reflection }) });
  return server.add(ShapesServiceDefinition, shapes);
}

const METHOD = 'inboard.testing.v1.ShapesService/Unary';

function list(url: string, ...args: string[]): Promise<BufRun> {
  return bufCurl([...args, '--list-methods', url]);
}

/** Calls with no contract at hand: the server's own word is all there is. */
function callByReflection(url: string, ...args: string[]): Promise<BufRun> {
  return bufCurl([...args, '-d', '{"sample": {"text": "a"}}', `${url}/${METHOD}`]);
}

function callByContract(url: string): Promise<BufRun> {
  return bufCurl(['--schema', '.', '-d', '{"sample": {"text": "a"}}', `${url}/${METHOD}`]);
}

const ANSWER = [{ sample: { text: 'a' } }];

describe('reflection', () => {
  test('tells on loopback what is served, and enough to call it', async () => {
    await using server = serveShapes({ descriptors });
    const { port } = await server.listen('127.0.0.1:0');
    const url = `http://127.0.0.1:${port}`;
    const { output } = await list(url);
    const methods = ['Bidi', 'ClientStream', 'ServerStream', 'Unary', 'UnarySafe'];
    for (const name of methods)
      expect(output).toContain(`inboard.testing.v1.ShapesService/${name}\n`);
    expect(output).toContain('grpc.health.v1.Health/Check\n');
    // What is in the descriptors and not served is not told of.
    expect(output).not.toContain('orders');
    expect(messagesOf(await callByReflection(url))).toEqual(ANSWER);
  });

  test('takes descriptors as bytes, too', async () => {
    await using server = serveShapes({ descriptors: await readFile(descriptors) });
    const { port } = await server.listen('127.0.0.1:0');
    expect(messagesOf(await callByReflection(`http://127.0.0.1:${port}`))).toEqual(ANSWER);
  });

  test('tells on a unix socket', async () => {
    await using server = serveShapes({ descriptors });
    const path = join(folder, 'reflection.sock');
    await server.listen(`unix:${path}`);
    const called = await callByReflection('http://localhost', '--unix-socket', path);
    expect(messagesOf(called)).toEqual(ANSWER);
  });

  test('is not there unless it is asked for', async () => {
    await using server = serveShapes();
    const { port } = await server.listen('127.0.0.1:0');
    const url = `http://127.0.0.1:${port}`;
    const refused = await list(url);
    expect(refused.code).not.toBe(0);
    expect(refused.errors).toMatch(/reflection/i);
    expect(messagesOf(await callByContract(url))).toEqual(ANSWER);
  });

  test('is not served where other machines reach it, but still on loopback', async () => {
    await using server = serveShapes({ descriptors });
    const open = await server.listen('0.0.0.0:0', { credentials: insecure() });
    const local = await server.listen('127.0.0.1:0');
    const url = `http://127.0.0.1:${open.port}`;
    const refused = await list(url);
    expect(refused.code).not.toBe(0);
    expect(refused.errors).toMatch(/reflection/i);
    expect(messagesOf(await callByContract(url))).toEqual(ANSWER);
    expect(messagesOf(await callByReflection(`http://127.0.0.1:${local.port}`))).toEqual(ANSWER);
  });

  test('is served everywhere where that is said', async () => {
    await using server = serveShapes({ descriptors, everywhere: true });
    const { port } = await server.listen('0.0.0.0:0', { credentials: insecure() });
    expect(messagesOf(await callByReflection(`http://127.0.0.1:${port}`))).toEqual(ANSWER);
  });

  test('says what is wrong with descriptors that cannot be read', async () => {
    await using missing = serveShapes({ descriptors: join(folder, 'none.binpb') });
    const error = await rejection(missing.listen('127.0.0.1:0'));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(/none\.binpb.*buf build --as-file-descriptor-set/s);
    await using broken = serveShapes({ descriptors: new Uint8Array([255, 255, 255]) });
    expect(await rejection(broken.listen('127.0.0.1:0'))).toBeInstanceOf(ConfigError);
  });
});
