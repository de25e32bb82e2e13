import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PoliciesServiceDefinition } from '../../generated/inboard/testing/v1/policies.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { parseImage } from '../../src/cli/contract/image.ts';
import { readContract } from '../../src/contract.ts';
import type { ReflectionOptions } from '../../src/index.ts';
import { createServer } from '../../src/index.ts';
import { imageOf } from '../contract/support.ts';
import { buf } from '../interop/buf.ts';
import { testRuntime } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import type { CliRun } from './cli.ts';
import { inboard } from './cli.ts';
import type { Descriptors } from './descriptors.ts';
import { makeDescriptors, NOWHERE } from './descriptors.ts';
import { reflectingServer } from './reflecting-server.ts';

const SHAPES = 'inboard.testing.v1.ShapesService';

let made: Descriptors;

beforeAll(async () => {
  made = await makeDescriptors();
}, 30_000);

afterAll(() => made.remove());

/** Runs a command against a server of ours. */
async function atOurs(args: readonly string[], reflection?: ReflectionOptions): Promise<CliRun> {
  await using server = createServer({
    runtime: testRuntime(),
    ...(reflection && { reflection }),
  }).add(ShapesServiceDefinition, shapes);
  const { port } = await server.listen('127.0.0.1:0');
  return await inboard([...args, '--target', `127.0.0.1:${port}`]);
}

describe('inboard list', { timeout: 30_000 }, () => {
  test('prints the services of our server', async () => {
    const { code, stdout } = await atOurs(['list'], { descriptors: made.image });
    expect(stdout).toBe(`grpc.health.v1.Health\n${SHAPES}\n`);
    expect(code).toBe(0);
  });

  test('prints the methods of one', async () => {
    const reflection = { descriptors: made.image };
    const { stdout } = await atOurs(['list', SHAPES], reflection);
    expect(stdout).toMatch(
      /^METHOD +TYPE +REQUEST +RESPONSE\nUnary +unary +inboard\.testing\.v1\./,
    );
    const asJson = await atOurs(['list', SHAPES, '-o', 'json'], reflection);
    expect(JSON.parse(asJson.stdout)).toContainEqual({
      name: 'Bidi',
      type: 'bidi_streaming',
      request: 'inboard.testing.v1.BidiRequest',
      response: 'inboard.testing.v1.BidiResponse',
      deprecated: false,
    });
  });

  test.each(['v1', 'v1alpha'] as const)('asks a stock server for grpc.reflection.%s', async (v) => {
    const server = await reflectingServer(v, made.image);
    try {
      const target = ['--target', `127.0.0.1:${server.port}`];
      expect((await inboard(['list', ...target])).stdout).toBe(`${SHAPES}\n`);
      // Its file imports another one, which the server sends only when it is asked for it.
      const { stdout } = await inboard(['describe', `${SHAPES}/Unary`, ...target]);
      expect(stdout).toContain('rpc Unary(inboard.testing.v1.UnaryRequest) returns');
    } finally {
      server.stop();
    }
  });

  test('reads images that are binary, JSON or compressed, and folders', async () => {
    const variants = ['image.binpb', 'image.json', 'image.binpb.gz'];
    for (const name of variants) {
      const file = join(made.folder, name);
      expect((await buf(['build', '-o', file])).code).toBe(0);
      const { stdout } = await inboard(['list', '--image', file]);
      expect(stdout).toContain(`${SHAPES}\n`);
    }
    expect((await inboard(['list', '--proto', 'proto/testing'])).stdout).toContain(SHAPES);
  });

  test('reads a binary image that begins like a text', () => {
    // Its first file has 123 bytes, which is a brace.
    const file = [create(FileDescriptorProtoSchema, { name: 'a'.repeat(121) })];
    const set = create(FileDescriptorSetSchema, { file });
    const bytes = Buffer.from(toBinary(FileDescriptorSetSchema, set));
    expect(bytes.toString().trimStart()).toMatch(/^\{/);
    expect(parseImage('a.binpb', bytes)).toEqual(set);
  });

  test('says what buf says of a folder that does not build', async () => {
    const folder = join(made.folder, 'broken');
    await mkdir(folder);
    await writeFile(join(folder, 'a.proto'), 'syntax = "proto3";\nmessage A { string a = 0; }\n');
    const { code, stderr } = await inboard(['list', '--proto', folder]);
    expect(stderr).toMatch(/buf cannot build .*\n.*a\.proto:2:\d+:/);
    expect(code).toBe(1);
  });

  test('says how to go on without reflection', async () => {
    const { code, stderr } = await atOurs(['list']);
    expect(stderr).toMatch(/serves no reflection.*\n {2}Name the contract: --image FILE/);
    expect(code).toBe(64 + 12);
  });

  test('says that nothing listens there', async () => {
    const { code, stderr } = await inboard(['list', '--target', NOWHERE]);
    expect(stderr).toMatch(/^inboard: UNAVAILABLE \(14\): .*\n {2}Is a gRPC server up at 127/);
    expect(code).toBe(64 + 14);
  });

  test('knows what was meant', async () => {
    const { code, stderr } = await inboard(['list', 'ShapesService', '--image', made.image]);
    expect(stderr).toContain(`Did you mean ${SHAPES}?`);
    expect(code).toBe(2);
  });
});

describe('inboard describe', { timeout: 30_000 }, () => {
  test('prints options of others as the compiler takes them, policies among them', async () => {
    const service = 'inboard.testing.v1.PoliciesService';
    const { stdout } = await inboard(['describe', service, '--image', made.image]);
    expect(stdout).toContain(
      '    retry: {backoff: {multiplier: 2} codes: ["UNAVAILABLE", "ABORTED"]}\n',
    );
    expect(stdout).toContain('    criticality: CRITICALITY_SHEDDABLE\n');
    const option = /  option \(inboard\.policy\.v1\.method\) = \{[^]*?\n {4}\};/.exec(stdout)?.[0];
    // The control: what is printed, compiled anew, is the policy that the generated code has.
    const methods = readContract(
      await imageOf(`service S {\n rpc Find(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;\n${option}\n }\n}`),
    ).methods;
    const { policy } = PoliciesServiceDefinition.methods.find;
    expect(policy).toMatchObject(methods[0]?.policy ?? { missing: true });
  });

  test('prints a service, a method, a message and an enum with their comments', async () => {
    const show = async (name: string): Promise<string> =>
      (await inboard(['describe', name, '--image', made.image])).stdout;
    expect(await show(SHAPES)).toMatch(/^\/\/ One method of each.*\nservice inboard\.testing/s);
    expect(await show(`${SHAPES}/UnarySafe`)).toBe(
      '// The same, marked free of side effects.\n' +
        'rpc UnarySafe(inboard.testing.v1.UnarySafeRequest) ' +
        'returns (inboard.testing.v1.UnarySafeResponse) {\n' +
        '  option idempotency_level = NO_SIDE_EFFECTS;\n}\n',
    );
    expect(await show('inboard.testing.v1.Color')).toBe(
      '// An enum for the round trip of generated code.\nenum inboard.testing.v1.Color {\n' +
        '  COLOR_UNSPECIFIED = 0;\n  COLOR_RED = 1;\n  COLOR_BLUE = 2;\n}\n',
    );
    const sample = await show('inboard.testing.v1.Sample');
    expect(sample).toContain('  google.protobuf.Timestamp at = 4;\n');
    expect(sample).toContain(
      '  map<string, string> labels = 6;\n  oneof choice {\n    string name',
    );
    expect(sample).toContain('  repeated int64 numbers = 9;\n');
  });

  test('prints what a compiler takes for the same message', async () => {
    const folder = join(made.folder, 'round');
    await mkdir(folder);
    await writeFile(join(folder, 'a.proto'), `${AWKWARD}\n`);
    const { stdout } = await inboard(['describe', 'a.Awkward', '--proto', folder]);
    await writeFile(
      join(folder, 'a.proto'),
      `syntax = "proto2";\npackage a;\n${stdout.replaceAll('a.Awkward', 'Awkward')}`,
    );
    const again = await inboard(['describe', 'a.Awkward', '--proto', folder]);
    expect(again.stderr).toBe('');
    expect(again.stdout).toBe(stdout);
    expect(stdout).toContain('optional string text = 1 [default = "a\\"b", deprecated = true];');
    expect(stdout).toContain('reserved 5, 7 to 9;\n  reserved "gone";');
  });

  test('prints descriptors as JSON', async () => {
    const args = ['describe', 'inboard.testing.v1.UnaryRequest', '--image', made.image];
    const { stdout } = await inboard([...args, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'message',
      descriptor: { name: 'UnaryRequest', field: [{ name: 'sample', number: 1 }] },
    });
  });

  test('asks a server for types, and for all that it serves', async () => {
    const reflection = { descriptors: made.image };
    const type = await atOurs(['describe', 'inboard.testing.v1.Color'], reflection);
    expect(type.stdout).toContain('COLOR_RED = 1;');
    const all = await atOurs(['describe'], reflection);
    expect(all.stdout).toContain('service grpc.health.v1.Health {');
    expect(all.stdout).toContain(`service ${SHAPES} {`);
    const none = await atOurs(['describe', 'inboard.testing.v1.Colour'], reflection);
    expect(none.stderr).toMatch(/knows no name 'inboard\.testing\.v1\.Colour'/);
    expect(none.code).toBe(2);
  });
});

const AWKWARD = `syntax = "proto2";
package a;
message Awkward {
  reserved 5, 7 to 9;
  reserved "gone";
  enum Kind {
    option allow_alias = true;
    NONE = 0;
    NOTHING = 0;
    reserved 4 to 6;
  }
  // Inside.
  message Inner { repeated int32 many = 1; }
  optional string text = 1 [default = "a\\"b", deprecated = true];
  required Inner inner = 2;
  map<string, Inner> byName = 3;
  oneof choice { Kind kind = 4; bytes raw = 6; }
}`;
