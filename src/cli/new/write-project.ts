import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import type { InboardSource } from './inboard-source.ts';
import type { OwnManifest } from './own-package.ts';
import { ownFolder } from './own-package.ts';
import type { ProjectNames } from './project-name.ts';
import { rename } from './project-name.ts';

/** What a project is made of. */
export interface ProjectPlan {
  readonly names: ProjectNames;
  readonly source: InboardSource;
  /** Versions are pinned to those that inboard itself is tested with. */
  readonly manifest: OwnManifest;
  /** Whether it brings a Node of its own along. */
  readonly bringNode: boolean;
}

/** The options that contracts use, which stand in the project's own contracts. */
const POLICY_PROTO = 'proto/inboard/policy/v1/policy.proto';

/**
 * Writes the files of a project, and returns their names. Never over a file that is there: rejects
 * with EEXIST then.
 */
export async function writeProject(folder: string, plan: ProjectPlan): Promise<string[]> {
  const template = templateFolder();
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  const files = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(nameOf(relative(template, path), plan), textOf(await readFile(path, 'utf8'), plan));
  }
  files.set('package.json', manifestOf(files.get('package.json') ?? '', plan));
  files.set(POLICY_PROTO, await readFile(join(ownFolder(), POLICY_PROTO), 'utf8'));
  for (const [name, text] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text, { flag: 'wx' });
  }
  const { tarball } = plan.source;
  if (tarball === undefined) return [...files.keys()].toSorted();
  await copyFile(tarball.from, join(folder, tarball.name));
  return [...files.keys(), tarball.name].toSorted();
}

/** `_gitignore` is `.gitignore`: npm leaves files of some such names out of a package. */
function nameOf(path: string, { names }: ProjectPlan): string {
  return rename(path.split(sep).join('/'), names).replaceAll(/(^|\/)_/g, '$1.');
}

function textOf(template: string, { names, source, manifest }: ProjectPlan): string {
  const text = template.replaceAll('NODE_VERSION', manifest.devDependencies['node'] ?? '');
  return rename(source.tarball === undefined ? withoutTarball(text) : text, names);
}

/** What concerns the tarball is for projects that have one. */
function withoutTarball(text: string): string {
  return text.replaceAll(/^!?inboard-\*\.tgz.*\n/gm, '').replaceAll(' inboard-*.tgz', '');
}

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

/** The packages that a project depends on. */
export async function projectPackages(): Promise<string[]> {
  const text = await readFile(join(templateFolder(), 'package.json'), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(text) as Manifest;
  return Object.keys({ ...dependencies, ...devDependencies });
}

function templateFolder(): string {
  return join(ownFolder(), 'examples', 'template');
}

function manifestOf(text: string, { source, manifest, bringNode }: ProjectPlan): string {
  const made = JSON.parse(text) as Manifest;
  const pinned = { ...manifest.devDependencies, ...manifest.dependencies, inboard: source.spec };
  for (const list of [made.dependencies, made.devDependencies]) {
    for (const name of Object.keys(list)) list[name] = versionOf(name, pinned);
  }
  if (!bringNode) {
    delete made.devDependencies['node'];
    delete made.allowScripts['node'];
  }
  return `${JSON.stringify(made, null, 2)}\n`;
}

function versionOf(name: string, pinned: Readonly<Record<string, string>>): string {
  const version = pinned[name];
  if (version === undefined)
    throw new Error(`inboard's own package.json has no version of ${name}`);
  return version;
}
