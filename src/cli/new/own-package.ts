import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** What inboard's own package.json says. */
export interface OwnManifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Where this very package stands: its sources, or an installed copy. */
export function ownFolder(): string {
  // src/cli/new and dist/src/cli/new are not equally deep.
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) throw new Error('inboard has no package.json');
  }
}

export async function ownManifest(): Promise<OwnManifest> {
  return JSON.parse(await readFile(join(ownFolder(), 'package.json'), 'utf8')) as OwnManifest;
}

/** What npm notes of a folder of packages, beside them. */
interface Lock {
  readonly packages?: Readonly<Record<string, { readonly resolved?: string } | undefined>>;
}

/**
 * The tarball that the package in this folder was installed from; undefined where it is from a
 * registry, or where npm has no note of it, as for what is installed globally.
 */
export async function tarballOf(folder: string): Promise<string | undefined> {
  const packages = dirname(folder);
  if (basename(packages) !== 'node_modules') return undefined;
  const note = await readFile(join(packages, '.package-lock.json'), 'utf8').catch(() => '{}');
  const { packages: noted } = JSON.parse(note) as Lock;
  const resolved = noted?.['node_modules/inboard']?.resolved ?? '';
  if (!resolved.startsWith('file:')) return undefined;
  return resolve(dirname(packages), resolved.slice('file:'.length));
}
