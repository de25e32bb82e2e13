import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import { PRE_RELEASE_TAGS, RELEASE_TAGS } from '../check-options.ts';
import { readImage } from '../contract/image.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import { git, gitLine } from '../git.ts';
import { gitContract } from './git-contract.ts';

/** The image that a published package of contracts has. */
export const PACKAGE_IMAGE = 'image.binpb';

/** The image that a project may commit, to be compared with where there is no tag. */
export const COMMITTED_IMAGE = 'contracts.binpb';

/** What contracts are compared with. */
export interface Baseline {
  /** For people: `tag v1.2.0`. */
  readonly name: string;
  readonly descriptors: FileDescriptorSet;
}

/** Why there is nothing to compare with yet. */
export interface NoBaseline {
  readonly none: string;
  readonly remedy: string;
}

export interface BaselineOptions {
  /** An image, a folder with one, or a commit, branch or tag. */
  readonly against?: string;
  /** Which tags are releases, as `git describe --match` takes it. */
  readonly tags: string;
}

/** What was said, else the last release tag, else the committed image. */
export async function findBaseline(options: BaselineOptions): Promise<Baseline | NoBaseline> {
  const { against, tags } = options;
  if (against !== undefined) return namedBaseline(against);
  const tag = (await inRepository()) ? await lastTag(tags) : undefined;
  if (tag !== undefined) {
    const descriptors = await gitContract(`refs/tags/${tag}`);
    if (descriptors !== undefined) return { name: `tag ${tag}`, descriptors };
  }
  if (await exists(COMMITTED_IMAGE)) {
    return { name: COMMITTED_IMAGE, descriptors: await readImage(COMMITTED_IMAGE) };
  }
  await refuseShallow(tags);
  if (tag === undefined) await refuseTagElsewhere(tags);
  const found = tag === undefined ? `no tag matches '${tags}'` : `tag ${tag} has no contracts`;
  return {
    none: `${found}, and there is no ${COMMITTED_IMAGE}`,
    remedy:
      'Tag a release (git tag v0.1.0), or commit an image: ' +
      `npx buf build -o ${COMMITTED_IMAGE}`,
  };
}

/** Of the commits that lead here. */
async function lastTag(tags: string): Promise<string | undefined> {
  const without = tags === RELEASE_TAGS ? [`--exclude=${PRE_RELEASE_TAGS}`] : [];
  return gitLine(['describe', '--tags', '--abbrev=0', `--match=${tags}`, ...without]);
}

async function namedBaseline(against: string): Promise<Baseline> {
  const file = await imageFile(against);
  if (file !== undefined) return { name: against, descriptors: await readImage(file) };
  const commit = await gitLine([
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${against}^{commit}`,
  ]);
  if (commit === undefined) {
    throw usageFailure(
      `--against '${against}' is no image, no package of contracts, and no commit that is here`,
      'Name a file of `buf build -o`, a folder that `inboard publish` made, a branch or a tag; ' +
        `fetch a remote one first: git fetch origin ${against}`,
    );
  }
  const descriptors = await gitContract(commit);
  if (descriptors !== undefined) return { name: against, descriptors };
  throw usageFailure(`--against '${against}' has no contracts in this folder`);
}

/** The image that a path means; undefined where it means none. */
export async function imageFile(path: string): Promise<string | undefined> {
  const inFolder = join(path, PACKAGE_IMAGE);
  if (await exists(inFolder)) return inFolder;
  return (await exists(path)) ? path : undefined;
}

/** Throws where git does not say: without tags all would pass, as in a clone of another user's. */
async function inRepository(): Promise<boolean> {
  const { code, errors } = await git(['rev-parse', '--git-dir'], { env: { LC_ALL: 'C' } });
  if (code === 0) return true;
  if (errors.includes('not a git repository')) return false;
  throw new CliFailure(errors.trim(), { hint: 'Or name what to compare with: --against FILE' });
}

/** CI's clones often are: all would pass there, for want of the tags. */
async function refuseShallow(tags: string): Promise<void> {
  if ((await gitLine(['rev-parse', '--is-shallow-repository'])) !== 'true') return;
  throw usageFailure(
    `No tag matches '${tags}', and this clone is shallow: it may lack them`,
    'Fetch them: git fetch --tags --unshallow (in GitHub Actions, actions/checkout with ' +
      'fetch-depth: 0), or name what to compare with: --against REF',
  );
}

/** Of release branches tags do not lead here, and all would pass for want of them. */
async function refuseTagElsewhere(tags: string): Promise<void> {
  const last = await gitLine(['tag', '--list', '--sort=-version:refname', '--', tags]);
  if (last === undefined || last === '') return;
  throw usageFailure(
    `No tag that matches '${tags}' leads to this commit: ${last} is on another branch`,
    `Name what to compare with: --against ${last}, or --tags for other tags`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
