// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createServer as createNiceServer } from 'nice-grpc';
import { expect, test, vi } from 'vitest';

import { DeprecationsServiceDefinition } from '../../generated/inboard/testing/v1/deprecations.ts';
import type { ServiceDefinition } from '../../src/index.ts';
import { GENERATED, generate, methodsIn, project, readTemplate } from './project.ts';

// Each run of buf takes up to a second, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** What the generator makes of services. */
async function deprecated(
  services: string,
  more?: Readonly<Record<string, string>>,
): Promise<unknown> {
  const folder = await project(services, more);
  expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
  return withoutEmpty(await methodsIn(folder, 'deprecated'));
}

/** The methods that say something, and what. */
function withoutEmpty(methods: unknown): unknown {
  const entries = Object.entries(methods as Record<string, { readonly deprecated?: object }>);
  return Object.fromEntries(
    entries.flatMap(([key, { deprecated: said }]) => (said === undefined ? [] : [[key, said]])),
  );
}

test('methods are deprecated that are, or whose service is, or whose file is', async () => {
  const method = 'option deprecated = true;';
  expect(
    await deprecated(`service S { rpc A(M) returns (M) { ${method} } rpc B(M) returns (M); }`),
  ).toEqual({ a: { method: true } });
  expect(
    await deprecated(`service S { ${method} rpc A(M) returns (M); rpc B(M) returns (M); }`),
  ).toEqual({ a: { method: true }, b: { method: true } });
  // Its fields are not told one by one: all of them go with it.
  expect(
    await deprecated(`${method} message R { M m = 1; } service S { rpc A(R) returns (M); }`),
  ).toEqual({ a: { method: true } });
});

test('fields are, wherever a request holds them, and those of a response are left out', async () => {
  const services = `
    message Leaf { string kept = 1; string old = 2 [deprecated = true]; }
    message Between { Leaf leaf = 1; }
    message Empty { Between kept = 1; }
    message R {
      repeated Between list = 1;
      map<string, Between> by_name = 2;
      oneof choice { Leaf leaf = 3; string other = 4; }
      M nothing = 5;
      int32 old = 6 [deprecated = true];
    }
    service S {
      rpc A(R) returns (M);
      rpc B(Leaf) returns (M);
      rpc C(M) returns (Leaf);
    }`;
  expect(await deprecated(services)).toEqual({
    a: {
      request: {
        type: 'shop.v1.R',
        messages: {
          'shop.v1.R': {
            1: { holds: 'shop.v1.Between' },
            2: { holds: 'shop.v1.R.ByNameEntry' },
            3: { holds: 'shop.v1.Leaf' },
            6: { name: 'old' },
          },
          'shop.v1.R.ByNameEntry': { 2: { holds: 'shop.v1.Between' } },
          'shop.v1.Between': { 1: { holds: 'shop.v1.Leaf' } },
          'shop.v1.Leaf': { 2: { name: 'old' } },
        },
      },
    },
    b: { request: { type: 'shop.v1.Leaf', messages: { 'shop.v1.Leaf': { 2: { name: 'old' } } } } },
  });
});

test('messages that hold themselves, or each other, are told once', async () => {
  const services = `
    message Tree { repeated Tree children = 1; Twin twin = 2; }
    message Twin { Tree tree = 1; bool old = 2 [deprecated = true]; }
    service S { rpc A(Tree) returns (M); }`;
  expect(await deprecated(services)).toEqual({
    a: {
      request: {
        type: 'shop.v1.Tree',
        messages: {
          'shop.v1.Tree': { 1: { holds: 'shop.v1.Tree' }, 2: { holds: 'shop.v1.Twin' } },
          'shop.v1.Twin': { 1: { holds: 'shop.v1.Tree' }, 2: { name: 'old' } },
        },
      },
    },
  });
});

test('fields are whose type is deprecated, or comes from a file that is', async () => {
  const old = `syntax = "proto3"; package shop.v0; option deprecated = true;
    message Gone { Gone gone = 1; }`;
  const services = `
    import "shop/v0/gone.proto";
    enum Old { option deprecated = true; OLD_UNSPECIFIED = 0; }
    message OldToo { option deprecated = true; string text = 1; }
    message R { Old a = 1; repeated Old b = 2; OldToo c = 3; map<string, OldToo> d = 4; shop.v0.Gone e = 5; M f = 6; }
    service S { rpc A(R) returns (M); }`;
  expect(await deprecated(services, { 'proto/shop/v0/gone.proto': old })).toEqual({
    a: {
      request: {
        type: 'shop.v1.R',
        messages: {
          'shop.v1.R': {
            1: { name: 'a' },
            2: { name: 'b' },
            3: { name: 'c' },
            4: { name: 'd' },
            5: { name: 'e' },
          },
        },
      },
    },
  });
});

test('it stands beside policy and options, whatever else ts-proto is told', async () => {
  const folder = await project(`service S {
    rpc A(M) returns (M) {
      option deprecated = true;
      option idempotency_level = NO_SIDE_EFFECTS;
      option (inboard.policy.v1.method).timeout = {seconds: 2};
    }
    rpc B(M) returns (M) { option deprecated = false; }
  }`);
  const template = await readTemplate(folder);
  const other = template
    .replace('strategy: all', 'strategy: directory')
    .replace('env=node', 'env=browser')
    .replace('oneof=unions-value', 'oneof=properties')
    .replace('useMapType=true', 'snakeToCamel=json');
  for (const text of [template, other]) {
    await writeFile(join(folder, 'buf.gen.yaml'), text);
    expect(await generate(folder)).toMatchObject({ code: 0, output: '' });
    expect(withoutEmpty(await methodsIn(folder, 'deprecated'))).toEqual({ a: { method: true } });
  }
  const text = await readFile(join(folder, GENERATED), 'utf8');
  expect(text).toContain('options: { idempotencyLevel: "NO_SIDE_EFFECTS" },');
  expect(text).toMatch(/policy: \{\s*timeoutMs: 2000,\s*\},\s*deprecated: \{\s*method: true,/);
});

test('a ts-proto that writes no definitions cannot carry it, which is told', async () => {
  const folder = await project(
    'service S { option deprecated = true; rpc A(M) returns (M); rpc B(M) returns (M); }',
  );
  const template = await readTemplate(folder);
  const without = template.replace('      - outputServices=generic-definitions\n', '');
  await writeFile(join(folder, 'buf.gen.yaml'), without);
  const { code, output } = await generate(folder);
  expect(code).toBe(1);
  expect(output).toContain('ts-proto wrote 0 of 2 policies and deprecations');
  expect(output).not.toMatch(/^\s+at /m);
});

test('it is typed, and nice-grpc takes a definition with it', () => {
  const definition: ServiceDefinition = DeprecationsServiceDefinition;
  expect(definition.methods['putOld']?.deprecated).toEqual({ method: true });
  expect(definition.methods['plain']).not.toHaveProperty('deprecated');
  const reply = async (): Promise<object> => ({});
  async function* replies(): AsyncGenerator<object> {}
  const implementation = { put: reply, putOld: reply, upload: reply, plain: reply };
  const add = (): unknown =>
    createNiceServer().add(DeprecationsServiceDefinition, {
      ...implementation,
      watch: replies,
      chat: replies,
    });
  expect(add).not.toThrow();
});
