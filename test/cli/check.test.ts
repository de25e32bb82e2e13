import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import { root, runOrThrow } from '../../scripts/lib/run.ts';
import { inboard } from './cli.ts';
import type { ContractProject } from './contract-project.ts';
import { CONTRACT, contractProject, SHOP } from './contract-project.ts';

// Each run of buf and git takes part of a second, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const COMPARE = ['check', '--only', 'breaking,policy'];

/** A project whose contract was released as v1.0.0. */
async function released(): Promise<ContractProject> {
  const project = await contractProject();
  await project.commit('v1.0.0');
  return project;
}

interface Change {
  readonly from: string;
  readonly to: string;
  /** What is printed: place, what happened, what to do. */
  readonly says: RegExp;
}

const BREAKING: Readonly<Record<string, Change>> = {
  'a renamed RPC': {
    from: 'rpc GetShop(',
    to: 'rpc FetchShop(',
    says: /shop\.proto:7:1: .*RPC "GetShop".* was deleted; keep it with `option deprecated/,
  },
  'a renumbered field': {
    from: 'string id = 1',
    to: 'string id = 3',
    says: /shop\.proto:21:1: .*field "1" with name "id".* was deleted; keep it, its number too/,
  },
  'a removed enum value': {
    from: '  KIND_BOOKS = 2;\n',
    to: '',
    says: /shop\.proto:39:1: .*enum value "2".* was deleted; keep it with `\[deprecated = true\]`/,
  },
  'a deleted service': {
    from: /service AuditService \{[^}]*\}\n\n/.exec(CONTRACT)?.[0] ?? '',
    to: '',
    says: /shop\.proto:1:1: .*service "AuditService" was deleted.*; keep it .* until nobody calls/,
  },
  'a shortened timeout': {
    from: 'seconds: 2',
    to: 'seconds: 1',
    says: /shop\.proto:11:17: timeout of shop\.v1\.ShopService\/GetShop was 2 s and is 1 s: .*; keep at least 2 s/,
  },
  'a dropped idempotency level': {
    from: '    option idempotency_level = NO_SIDE_EFFECTS;\n',
    to: '',
    says: /shop\.proto:8:\d+: idempotency_level of .*GetShop was NO_SIDE_EFFECTS and is none: .*; keep NO_SIDE_EFFECTS/,
  },
};

describe('a change that breaks callers', () => {
  test.each(Object.entries(BREAKING))('%s', async (_what, { from, to, says }) => {
    const project = await released();
    await project.change(from, to);
    const { code, stdout, stderr } = await project.inboard(...COMPARE);
    expect(stderr).toBe('');
    expect(stdout).toMatch(says);
    expect(stdout).toContain('1 finding, compared with tag v1.0.0');
    expect(code).toBe(100);
  });

  test('a file that is gone is named where it stood', async () => {
    const other = 'syntax = "proto3";\n\npackage shop.v1;\n\nmessage Other {}\n';
    const project = await contractProject({ 'proto/shop/v1/other.proto': other });
    await project.commit('v1.0.0');
    await rm(join(project.folder, 'proto/shop/v1/other.proto'));
    const { code, stdout } = await project.inboard(...COMPARE);
    expect(stdout).toMatch(/^ {2}proto\/shop\/v1\/other\.proto:1:1: .* was deleted; put it back/m);
    expect(code).toBe(100);
  });
});

test('a compatible change passes every step', async () => {
  const project = await released();
  await project.change('string id = 1;', 'string id = 1;\n  bool with_stock = 2;');
  await project.change('  KIND_BOOKS = 2;', '  KIND_BOOKS = 2;\n  KIND_TOYS = 3;');
  await project.change('seconds: 2', 'seconds: 4');
  await project.change(
    'returns (CloseShopResponse);',
    'returns (CloseShopResponse) {\n    option idempotency_level = IDEMPOTENT;\n  }',
  );
  const { code, stdout, stderr } = await project.inboard('check');
  expect(stderr).toBe('');
  expect(stdout.split('\n')).toEqual([
    'ok      lint',
    'ok      format',
    'ok      breaking',
    'ok      policy',
    'skipped generated there is no buf.gen.yaml; name yours with --template',
    '0 findings, compared with tag v1.0.0',
    '',
  ]);
  expect(code).toBe(0);
});

describe('what is compared with', () => {
  test('nothing yet: said, with what to do, and no failure', async () => {
    const project = await contractProject();
    const { code, stdout } = await project.inboard('check');
    expect(stdout).toMatch(/^skipped breaking {2}no baseline yet$/m);
    expect(stdout).toContain("0 findings; nothing to compare with: no tag matches 'v[0-9]*'");
    expect(stdout).toContain('git tag v0.1.0');
    expect(code).toBe(0);
  });

  test('the last release tag, and no other tag', async () => {
    const project = await released();
    await project.change('string id = 1', 'string id = 3');
    await project.commit('v2.0.0');
    await project.git('tag', 'nightly');
    expect((await project.inboard(...COMPARE)).stdout).toContain('compared with tag v2.0.0');
    const nightly = await project.inboard(...COMPARE, '--tags', 'night*');
    expect(nightly.stdout).toContain('compared with tag nightly');
    const first = await project.inboard(...COMPARE, '--against', 'v1.0.0');
    expect(first.stdout).toContain('1 finding, compared with v1.0.0');
    expect(first.code).toBe(100);
  });

  test('a commit, when the change is committed already', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    await project.commit();
    expect((await project.inboard(...COMPARE, '--against', 'HEAD')).code).toBe(0);
    expect((await project.inboard(...COMPARE, '--against', 'HEAD~1')).code).toBe(100);
  });

  test('a committed image, where there is no tag', async () => {
    const project = await contractProject();
    await runOrThrow('buf', ['build', '-o', 'contracts.binpb'], { cwd: project.folder });
    await project.change('string id = 1', 'string id = 3');
    const { code, stdout } = await project.inboard(...COMPARE);
    expect(stdout).toContain('1 finding, compared with contracts.binpb');
    expect(code).toBe(100);
  });

  test('a package of contracts, also in place of the sources', async () => {
    const project = await contractProject();
    await mkdir(join(project.folder, 'pack'));
    await runOrThrow('buf', ['build', '-o', 'pack/image.binpb'], { cwd: project.folder });
    await project.change('seconds: 2', 'seconds: 1');
    const late = await project.inboard('check', '--against', 'pack');
    expect(late.stdout).toContain('timeout of shop.v1.ShopService/GetShop was 2 s and is 1 s');
    expect(late.code).toBe(100);
    await runOrThrow('buf', ['build', '-o', 'contracts.binpb'], { cwd: project.folder });
    const back = await project.inboard('check', 'pack', '--against', 'contracts.binpb');
    expect(back.stdout).toMatch(/^skipped lint {6}.*is an image, which has no sources$/m);
    expect(back.stdout).toContain('ok      policy');
    expect(back.code).toBe(0);
  });

  test('a clone without the tags is refused, for all would pass', async () => {
    const project = await released();
    await project.git('tag', '-d', 'v1.0.0');
    const clone = join(project.folder, 'clone');
    await project.git('commit', '--quiet', '--allow-empty', '--message', 'next');
    await project.git('clone', '--quiet', '--depth=1', `file://${project.folder}`, clone);
    const { code, stderr } = await project.inboard('check', '--against', 'HEAD');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await cp(join(project.folder, 'node_modules'), join(clone, 'node_modules'), {
      verbatimSymlinks: true,
      recursive: true,
    });
    const shallow = await inboard(['check'], { cwd: clone });
    expect(shallow.stderr).toMatch(/this clone is shallow.*\n {2}Fetch them: .*fetch-depth: 0/);
    expect(shallow.code).toBe(2);
  });

  test('a repository that git will not read is no repository without tags', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    const env = { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    const { code, stderr } = await inboard(['check'], { cwd: project.folder, env });
    expect(stderr).toMatch(/dubious ownership.*--against FILE/s);
    expect(code).toBe(1);
  });

  test('a folder inside of a repository', async () => {
    const project = await contractProject();
    const inner = join(project.folder, 'services/shop');
    await mkdir(inner, { recursive: true });
    for (const name of ['buf.yaml', 'proto']) {
      await cp(join(project.folder, name), join(inner, name), { recursive: true });
      await rm(join(project.folder, name), { recursive: true });
    }
    await project.commit('v1.0.0');
    await project.change('seconds: 2', 'seconds: 1', `services/shop/${SHOP}`);
    const { code, stdout } = await inboard(['check'], { cwd: inner });
    expect(stdout).toMatch(/^ {2}proto\/shop\/v1\/shop\.proto:11:17: timeout of/m);
    expect(code).toBe(100);
  });
});

test('several modules: what one has is not taken for deleted from the others', async () => {
  const other = 'syntax = "proto3";\n\npackage other.v1;\n\nmessage Other {}\n';
  const project = await contractProject({
    'buf.yaml': 'version: v2\nmodules:\n  - path: proto\n  - path: more\n',
    'more/other/v1/other.proto': other,
    'more/other/v1/gone.proto': other.replace('Other', 'Gone'),
  });
  await project.commit('v1.0.0');
  expect((await project.inboard('check')).stdout).toContain('0 findings, compared with tag');
  await rm(join(project.folder, 'more/other/v1/gone.proto'));
  const { code, stdout } = await project.inboard('check');
  expect(stdout).toMatch(/FAILED {2}breaking\n {2}more\/other\/v1\/gone\.proto:1:1: /);
  expect(stdout).toContain('1 finding,');
  expect(code).toBe(100);
});

describe('what is found in contracts as they stand', () => {
  test('lint and format, by file and line, and the exit code', async () => {
    const project = await contractProject();
    await project.change('string name = 1;', 'string  Name = 1;');
    const { code, stdout } = await project.inboard('check');
    expect(stdout).toMatch(/FAILED {2}lint\n {2}proto\/shop\/v1\/shop\.proto:26:\d+: Field name/);
    expect(stdout).toMatch(/FAILED {2}format\n {2}proto\/shop\/v1\/shop\.proto:26:1: Is not/);
    expect(stdout).toContain('2 findings');
    expect(code).toBe(100);
    const left = ['--skip', 'lint', '--exclude-path', 'proto/shop'];
    expect((await project.inboard('check', ...left)).code).toBe(0);
  });

  test('what does not compile is told, and nothing else is tried', async () => {
    const project = await released();
    await project.change('message CloseShopRequest {}', 'message CloseShopRequest {');
    const { code, stdout, stderr } = await project.inboard('check');
    expect(stdout).toMatch(/^FAILED {2}build\n {2}proto\/shop\/v1\/shop\.proto:\d+:\d+: /);
    expect(stdout).not.toContain('lint');
    expect(stderr).toBe('');
    expect(code).toBe(100);
  });

  test('as JSON, and as annotations of a pull request', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    const json = await project.inboard(...COMPARE, '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      baseline: 'tag v1.0.0',
      findings: 1,
      steps: [
        { name: 'breaking', findings: [] },
        { name: 'policy', findings: [{ file: SHOP, line: 11, column: 17, rule: 'timeoutMs' }] },
      ],
    });
    expect(json.code).toBe(100);
    const { stdout, code } = await project.inboard(...COMPARE, '-o', 'github-actions');
    expect(stdout).toMatch(
      /^::error file=proto\/shop\/v1\/shop\.proto,line=11,col=17,title=timeoutMs::timeout of /m,
    );
    expect(code).toBe(100);
  });
});

test('generated code: missing, edited, left over', async () => {
  const project = await contractProject();
  await cp(join(root, 'buf.gen.yaml'), join(project.folder, 'buf.gen.yaml'));
  const only = ['check', '--only', 'generated'];
  const missing = await project.inboard(...only);
  expect(missing.stdout).toMatch(/ generated\/shop\/v1\/shop\.ts:1:1: Is missing; run `inboard/);
  expect(missing.code).toBe(100);

  expect((await project.inboard('generate')).code).toBe(0);
  expect(await project.inboard(...only)).toMatchObject({ code: 0 });

  const file = 'generated/shop/v1/shop.ts';
  await project.change(
    'export interface GetShopRequest {',
    'export interface GetShopRequest{',
    file,
  );
  await project.write('generated/old.ts', '// Code generated by protoc-gen-ts_proto.\n');
  await project.write('generated/own.ts', '// Written by hand.\n');
  const { code, stdout } = await project.inboard(...only);
  expect(stdout).toMatch(
    / generated\/old\.ts:1:1: No contract gives this file any more; remove it/,
  );
  expect(stdout).toMatch(/ generated\/shop\/v1\/shop\.ts:\d\d+:1: Is not what the contracts give/);
  expect(stdout).toContain('2 findings');
  expect(code).toBe(100);
});

describe('what cannot be meant', () => {
  const wrong: [what: string, args: string[], message: RegExp][] = [
    ['no such commit', ['--against', 'nowhere'], /no commit that is here\n {2}Name a file/],
    ['no image', ['--against', 'buf.yaml'], /'buf\.yaml' is no image of contracts/],
    ['no package', ['nowhere'], /'nowhere' is no image and no package of contracts/],
    ['no template', ['--template', 'none.yaml'], /There is no template none\.yaml/],
    ['no step', ['--only', 'lint,spell'], /Steps are lint, format, breaking, policy, generated/],
    ['no option', ['--agains', 'x'], /unknown option '--agains'/],
  ];
  test.each(wrong)('%s', async (_what, args, message) => {
    const project = await contractProject();
    const { code, stderr } = await project.inboard('check', ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });

  test('a folder without contracts', async () => {
    const project = await contractProject();
    await rm(join(project.folder, 'proto'), { recursive: true });
    const { code, stderr } = await project.inboard('check');
    expect(stderr).toMatch(/^inboard: buf build failed: /);
    expect(code).toBe(1);
  });
});
