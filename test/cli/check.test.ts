import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import { CONTRACT, contractProject, released, SHOP } from './contract-project.ts';

// Each run of buf and git takes part of a second, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const COMPARE = ['check', '--only', 'breaking,policy'];

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
    'ok      breaking',
    'ok      policy',
    'ok      lint',
    'ok      format',
    'skipped generated there is no buf.gen.yaml; name yours with --template',
    '0 findings, compared with tag v1.0.0',
    '',
  ]);
  expect(code).toBe(0);
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

test('by the rules of packages: what is in another module, and where stood what is gone', async () => {
  const more = 'syntax = "proto3";\n\npackage shop.v1;\n\nmessage More {}\n';
  const project = await contractProject({
    'buf.yaml':
      'version: v2\nmodules:\n  - path: proto\n  - path: more\nbreaking:\n  use: [PACKAGE]\n',
    'more/shop/v1/more.proto': more,
  });
  await project.commit('v1.0.0');
  expect((await project.inboard(...COMPARE)).stdout).toContain('0 findings, compared with');
  await project.change('service AuditService', 'service LedgerService');
  const { code, stdout } = await project.inboard(...COMPARE);
  expect(stdout).toMatch(/^ {2}proto\/shop\/v1\/shop\.proto:1:1: .*"AuditService" was deleted/m);
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

  test('the name of a file that has spaces in it', async () => {
    const project = await contractProject();
    await project.write('proto/my shop/a b.proto', 'syntax = "proto3";\n\nmessage  A {}\n');
    const { stdout } = await project.inboard('check', '--only', 'format');
    expect(stdout).toContain('  proto/my shop/a b.proto:3:1: Is not formatted');
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

describe('what cannot be meant', () => {
  const wrong: [what: string, args: string[], message: RegExp][] = [
    ['no such commit', ['--against', 'nowhere'], /no commit that is here\n {2}Name a file/],
    ['no image', ['--against', 'buf.yaml'], /'buf\.yaml' is no image of contracts/],
    ['no package', ['nowhere'], /'nowhere' is no image and no package of contracts/],
    ['no template', ['--template', 'none.yaml'], /There is no template none\.yaml/],
    ['no step', ['--only', 'lint,spell'], /Steps are breaking, policy, lint, format, generated/],
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
