import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { root, runOrThrow } from '../../scripts/lib/run.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';
import type { CliRun } from './cli.ts';
import { inboard } from './cli.ts';

export const SHOP = 'proto/shop/v1/shop.proto';

/** A contract that passes every check. */
export const CONTRACT = `syntax = "proto3";

package shop.v1;

import "inboard/policy/v1/policy.proto";

service ShopService {
  rpc GetShop(GetShopRequest) returns (GetShopResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (inboard.policy.v1.method) = {
      timeout: {seconds: 2}
    };
  }
  rpc CloseShop(CloseShopRequest) returns (CloseShopResponse);
}

service AuditService {
  rpc ListEntries(ListEntriesRequest) returns (ListEntriesResponse);
}

message GetShopRequest {
  string id = 1;
}

message GetShopResponse {
  string name = 1;
  Kind kind = 2;
  bytes picture = 3;
}

message CloseShopRequest {}

message CloseShopResponse {}

message ListEntriesRequest {}

message ListEntriesResponse {}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_BAKERY = 1;
  KIND_BOOKS = 2;
}
`;

/** A user's repository, with git and all that is installed here. */
export interface ContractProject {
  readonly folder: string;
  readonly write: (file: string, text: string) => Promise<void>;
  /** Changes a text in a file; it must be there. */
  readonly change: (from: string, to: string, file?: string) => Promise<void>;
  readonly git: (...args: string[]) => Promise<string>;
  /** Commits all, and tags it where a tag is named. */
  readonly commit: (tag?: string) => Promise<void>;
  readonly inboard: (...args: string[]) => Promise<CliRun>;
}

/** Without git's own configuration of whoever runs the tests. */
const GIT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

/** The folder goes when the test is over. Nothing is committed. */
export async function contractProject(
  files: Readonly<Record<string, string>> = {},
): Promise<ContractProject> {
  const folder = await fixtureTree({
    'buf.yaml': 'version: v2\nmodules:\n  - path: proto\n',
    '.gitignore': 'node_modules\n',
    [SHOP]: CONTRACT,
    ...files,
  });
  await cp(join(root, 'proto/inboard'), join(folder, 'proto/inboard'), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const git = async (...args: string[]): Promise<string> =>
    (await runOrThrow('git', args, { cwd: folder, env: GIT })).stdout;
  await git('init', '--quiet');
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  };
  return {
    folder,
    write,
    git,
    async change(from, to, file = SHOP) {
      const text = await readFile(join(folder, file), 'utf8');
      if (!text.includes(from)) throw new Error(`${file} has no '${from}'`);
      await write(
        file,
        text.replace(from, () => to),
      );
    },
    async commit(tag) {
      await git('add', '--all');
      await git('commit', '--quiet', '--message', 'change');
      if (tag !== undefined) await git('tag', tag);
    },
    inboard: (...args) => {
      // The plugin from its sources; users have it in node_modules/.bin.
      const PATH = `${join(root, 'scripts/bin')}:${process.env['PATH']}`;
      return inboard(args, { cwd: folder, env: { ...GIT, PATH } });
    },
  };
}

/** A project whose contract was released as v1.0.0. */
export async function released(): Promise<ContractProject> {
  const project = await contractProject();
  await project.commit('v1.0.0');
  return project;
}
