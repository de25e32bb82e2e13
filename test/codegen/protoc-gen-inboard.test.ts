import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, test, vi } from 'vitest';

import { CONTRACT, contract } from '../contract/support.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';
import { GENERATED, generate, methodsIn, project, readTemplate } from './project.ts';

// Each run of buf takes up to a second, and more on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const optionsOf = (folder: string): Promise<unknown> => methodsIn(folder, 'options', 'policy');

const SERVICE = `service S {
  option (inboard.policy.v1.service) = {timeout: {seconds: 2} retry: {attempts: 4}};
  rpc Reads(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (inboard.policy.v1.method).hedge = {};
  }
  rpc Changes(M) returns (M);
  rpc Own(M) returns (M) {
    option (inboard.policy.v1.method).timeout = {nanos: 300000000};
  }
}`;

const OPTIONS = {
  reads: {
    options: { idempotencyLevel: 'NO_SIDE_EFFECTS' },
    policy: { timeoutMs: 2_000, retry: { attempts: 4 }, hedge: {} },
  },
  changes: { options: {}, policy: { timeoutMs: 2_000 } },
  own: { options: {}, policy: { timeoutMs: 300 } },
};

test('definitions carry what the options of service and method say', async () => {
  const folder = await project(SERVICE);
  expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
  expect(await optionsOf(folder)).toEqual(OPTIONS);
  // Neither the options' own messages nor descriptor.proto become code.
  expect(await readdir(join(folder, 'generated'), { recursive: true })).toEqual([
    'shop',
    'shop/v1',
    'shop/v1/shop.ts',
  ]);
});

test('ts-proto’s other ways to write, folder by folder, carry the same', async () => {
  const folder = await project(SERVICE);
  const template = await readTemplate(folder);
  const other = template
    .replace('strategy: all', 'strategy: directory')
    .replace('env=node', 'env=browser');
  expect(other).not.toBe(template);
  await writeFile(join(folder, 'buf.gen.yaml'), other);
  expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
  expect(await optionsOf(folder)).toEqual(OPTIONS);
});

test('options of others stay what ts-proto makes of them', async () => {
  const folder = await project(`
    import "google/protobuf/descriptor.proto";
    extend google.protobuf.MethodOptions { string before = 50001; string after = 90001; }
    service S {
      rpc A(M) returns (M) {
        option (before) = "b";
        option (inboard.policy.v1.method).timeout = {seconds: 1};
        option (after) = "a";
      }
      rpc B(M) returns (M) { option (before) = "b"; }
    }`);
  expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
  const text = (letter: string): unknown => [{ type: 'Buffer', data: [1, letter.charCodeAt(0)] }];
  expect(await optionsOf(folder)).toEqual({
    a: {
      options: {
        _unknownFields: { [(50_001 << 3) | 2]: text('b'), [(90_001 << 3) | 2]: text('a') },
      },
      policy: { timeoutMs: 1_000 },
    },
    b: { options: { _unknownFields: { [(50_001 << 3) | 2]: text('b') } } },
  });
});

test('all that makes no sense is told by file, line and column, and nothing is written', async () => {
  const folder = await project(SERVICE);
  expect((await generate(folder)).code).toBe(0);
  const before = await readFile(join(folder, GENERATED), 'utf8');
  const broken = `service S {
  rpc A(M) returns (M) {
    option (inboard.policy.v1.method) = {
      timeout: {seconds: -2}
      hedge: {extra: 1}
    };
  }
  rpc B(M) returns (M) { option (inboard.policy.v1.method).retry.attempts = 6; }
}`;
  await writeFile(join(folder, CONTRACT), contract(broken));
  const { code, output } = await generate(folder);
  expect(code).toBe(1);
  const once =
    'is on a method that may not run twice; add `option idempotency_level = IDEMPOTENT` ' +
    '(or NO_SIDE_EFFECTS) if it may, or leave it out';
  const attempts =
    "give 1 to 5, for gRPC's clients make no more, or say it in a client's own policy";
  expect(output.split('\n').slice(0, 4)).toEqual([
    `${CONTRACT}:5:17: A: timeout is -2 s; give a time above 0`,
    `${CONTRACT}:6:15: A: hedge ${once}`,
    `${CONTRACT}:9:26: B: retry ${once}`,
    `${CONTRACT}:9:26: B: retry.attempts is 6; ${attempts}`,
  ]);
  expect(output.split('\n').slice(4)).toEqual([
    'Failure: plugin protoc-gen-inboard: exit status 1',
    '',
  ]);
  expect(await readFile(join(folder, GENERATED), 'utf8')).toBe(before);
});

test('a ts-proto that writes no definitions, or fails, is told of without a stack', async () => {
  const folder = await project(SERVICE);
  const template = await readTemplate(folder);
  const without = template.replace('      - outputServices=generic-definitions\n', '');
  expect(without).not.toBe(template);
  await writeFile(join(folder, 'buf.gen.yaml'), without);
  const { code, output } = await generate(folder);
  expect(code).toBe(1);
  expect(output).toContain('ts-proto wrote 0 of 3 policies');
  expect(output).not.toMatch(/^\s+at /m);

  await writeFile(join(folder, 'buf.gen.yaml'), template);
  await rm(join(folder, 'node_modules'));
  const fixture = await fixtureTree({
    'package.json': '{"name": "ts-proto", "version": "0.0.0"}',
    'protoc-gen-ts_proto':
      'process.stderr.write("FAILED!no such optionError: x\\n    at y"); process.exit(1)',
  });
  await mkdir(join(folder, 'node_modules'));
  await symlink(fixture, join(folder, 'node_modules/ts-proto'));
  const failed = await generate(folder);
  expect(failed.code).toBe(1);
  expect(failed.output).toContain('ts-proto failed: no such option');
  expect(failed.output).not.toMatch(/^\s+at /m);
});

test('descriptors=FILE writes what reflection needs, comments included, beside the code', async () => {
  const folder = await project(`// Serves.\n${SERVICE}`);
  const template = await readFile(join(folder, 'buf.gen.yaml'), 'utf8');
  const withOption = (option: string): Promise<void> =>
    writeFile(join(folder, 'buf.gen.yaml'), template.replace('opt:', `opt:\n      - ${option}`));
  await withOption('descriptors=all.ts');
  expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
  // ts-proto is told the same as without it.
  expect(await optionsOf(folder)).toEqual(OPTIONS);

  const { descriptors } = (await import(join(folder, 'generated/all.ts'))) as {
    readonly descriptors: Uint8Array;
  };
  const { file } = fromBinary(FileDescriptorSetSchema, descriptors);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
  expect(registry.getService('shop.v1.S')?.methods.map(({ name }) => name)).toContain('Reads');
  const commented = file.filter(({ sourceCodeInfo }) => sourceCodeInfo !== undefined);
  expect(commented.map(({ name }) => name)).toEqual(['shop/v1/shop.proto']);
  const comments = commented[0]?.sourceCodeInfo?.location.map((each) => each.leadingComments);
  expect(comments).toEqual([' Serves.\n']);

  await withOption('descriptors=all.binpb');
  const { code, output } = await generate(folder);
  expect(code).toBe(1);
  expect(output).toContain("'descriptors=all.binpb' names no TypeScript file");
  expect(output).not.toMatch(/^\s+at /m);
});
