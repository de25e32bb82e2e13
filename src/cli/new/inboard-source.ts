import { open, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { VERSION } from '../../core/version.ts';
import { fileFailure, usageFailure } from '../failure.ts';
import { ownFolder, tarballOf } from './own-package.ts';

/** Where a new project gets inboard from. */
export interface InboardSource {
  /** What its package.json says. */
  readonly spec: string;
  /** A tarball that becomes part of the project, so that whoever clones or packs it has it too. */
  readonly tarball?: { readonly from: string; readonly name: string };
}

/**
 * `given`: a version, or the path of a tarball or folder. Without it, what this very package was
 * installed from. Throws a usage failure for what is no package of inboard.
 */
export async function inboardSource(given: string | undefined): Promise<InboardSource> {
  if (given === undefined) {
    const tarball = await tarballOf(ownFolder());
    if (tarball === undefined) return { spec: VERSION };
    if (await exists(tarball)) return fromPath(tarball);
    throw usageFailure(
      `inboard was installed from '${tarball}', which is gone`,
      'Say what the project is to use: --inboard FILE, or a version.',
    );
  }
  const spec = given.replace(/^inboard@/, '').replace(/^file:/, '');
  if (spec.trim() === '') {
    throw usageFailure('--inboard is empty', 'Give a version, or the path of a tarball.');
  }
  if (spec !== given && !given.startsWith('file:')) return { spec };
  return isPath(given) || (await exists(spec)) ? fromPath(resolve(spec)) : { spec };
}

function isPath(text: string): boolean {
  return /^(?:file:|\.|\/)|[\\]|\.t(?:ar\.)?gz$/.test(text) && !/^https?:/.test(text);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function fromPath(path: string): Promise<InboardSource> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw fileFailure('--inboard', path, error);
  }
  if (isFolder) return fromFolder(path);
  if (!(await isGzip(path))) {
    throw usageFailure(`--inboard '${path}' is no package`, 'One is made by `npm pack`.');
  }
  const own = basename(path);
  const name = /^inboard-[\w.+-]+\.tgz$/.test(own) ? own : 'inboard-local.tgz';
  return { spec: `file:${name}`, tarball: { from: path, name } };
}

/** A folder is linked to, for whoever works on inboard itself. */
async function fromFolder(path: string): Promise<InboardSource> {
  const text = await readFile(join(path, 'package.json'), 'utf8').catch(() => '{}');
  if (/"name":\s*"inboard"/.test(text)) return { spec: `file:${path}` };
  throw usageFailure(
    `--inboard '${path}' is a folder of something else`,
    'Give the folder of inboard itself, or a tarball that `npm pack` makes of it.',
  );
}

async function isGzip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return buffer[0] === 0x1f && buffer[1] === 0x8b;
}
