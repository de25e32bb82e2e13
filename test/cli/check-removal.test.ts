import { describe, expect, test, vi } from 'vitest';

import { contractProject } from './contract-project.ts';

vi.setConfig({ testTimeout: 60_000 });

const CHECK = ['check', '--only', 'breaking'];
const ALLOWED = [...CHECK, '--allow-deprecated-removal'];

const SERVICE = `syntax = "proto3";

package shop.v1;

service ShopService {
  rpc GetShop(GetShopRequest) returns (GetShopResponse);
  rpc OldShop(OldShopRequest) returns (OldShopResponse) {
    option deprecated = true;
  }
}

message GetShopRequest {
  string id = 1;
  string old_id = 2 [deprecated = true];
  oneof by {
    string old_name = 3 [deprecated = true];
  }
  optional string old_town = 4 [deprecated = true];
  optional string town = 5;
}

message GetShopResponse {
  Kind kind = 1;
}

message OldShopRequest {
  OldFilter filter = 1;
}

message OldShopResponse {}

message OldFilter {
  string text = 1;
}

message Event {
  string text = 1;
}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_OLD = 1 [deprecated = true];
}
`;

/** All that is deprecated, and what only that used. */
const REMOVED = [
  /  rpc OldShop\(.*\n.*\n {2}\}\n/,
  /  string old_id .*\n/,
  /  oneof by \{\n.*\n {2}\}\n/,
  /  optional string old_town .*\n/,
  /  KIND_OLD .*\n/,
  /message OldShopRequest \{\n.*\n\}\n\n/,
  /message OldShopResponse \{\}\n\n/,
  /message OldFilter \{\n.*\n\}\n\n/,
];

const FILE = 'proto/shop/v1/shop.proto';

async function released(contract: string = SERVICE) {
  const project = await contractProject({ [FILE]: contract });
  await project.commit('v1.0.0');
  return project;
}

function without(parts: readonly RegExp[], contract: string = SERVICE): string {
  return parts.reduce((text, part) => {
    if (!part.test(text)) throw new Error(`nothing is like ${part.source}`);
    return text.replace(part, '');
  }, contract);
}

describe('what was deprecated and is gone', () => {
  test('is a finding that says how it may go, and none where it is allowed', async () => {
    const project = await released();
    await project.write(FILE, without(REMOVED));
    const { code, stdout } = await project.inboard(...CHECK);
    const findings = stdout.split('\n').filter((line) => line.includes(FILE));
    expect(findings).toHaveLength(9);
    for (const finding of findings) {
      expect(finding).toMatch(/; it was deprecated: .* --allow-deprecated-removal \(\w+\)$/);
    }
    expect(code).toBe(100);
    const allowed = await project.inboard(...ALLOWED);
    expect(allowed).toMatchObject({ code: 0, stderr: '' });
    expect(allowed.stdout).toContain('0 findings');
  });

  test('may go as a whole file', async () => {
    const deprecated = SERVICE.replace(
      'package shop.v1;',
      'package shop.v1;\n\noption deprecated = true;',
    );
    const project = await released(deprecated);
    await project.write('proto/shop/v2/shop.proto', SERVICE.replaceAll('shop.v1', 'shop.v2'));
    await project.git('rm', '--quiet', FILE);
    expect(await project.inboard(...CHECK)).toMatchObject({ code: 100 });
    expect(await project.inboard(...ALLOWED)).toMatchObject({ code: 0, stderr: '' });
  });

  test.each<[what: string, removed: RegExp, finding: RegExp]>([
    ['a field that was not', /  string id = 1;\n/, /field "1" with name "id"/],
    ['a message that nobody referred to', /message Event \{\n.*\n\}\n\n/, /message "Event"/],
  ])('does not let go %s', async (_what, removed, finding) => {
    const project = await released();
    await project.write(FILE, without([removed, ...REMOVED]));
    const { code, stdout } = await project.inboard(...ALLOWED);
    expect(stdout).toMatch(finding);
    expect(stdout).toMatch(/; keep it/);
    expect(stdout).toContain('1 finding,');
    expect(code).toBe(100);
  });

  test('is compared as ever while it is there', async () => {
    const project = await released();
    await project.change('string old_id = 2', 'int32 old_id = 2');
    const { code, stdout } = await project.inboard(...ALLOWED);
    expect(stdout).toMatch(/"old_id".* changed type/);
    expect(code).toBe(100);
  });
});
