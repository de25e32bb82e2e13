import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';

import { captureBuf } from '../buf-process.ts';
import { usageFailure } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { findTool } from '../project-tool.ts';
import type { Report } from './report.ts';
import type { Types } from './type-check.ts';

export interface DevOptions extends OutputOptions {
  readonly proto: readonly string[];
  readonly watch: readonly string[];
  readonly check: boolean;
  /** Undefined: tsconfig.json, where there is one. */
  readonly tsconfig?: string;
  /** In ms. */
  readonly grace: number;
}

/** Where `inboard dev` looks for code, unless it is told. */
const SOURCES = 'src';

const TSCONFIG = 'tsconfig.json';

const ENTRY = join(SOURCES, 'server.ts');

/** Fails where the folder is no project whose contracts buf can generate. */
export async function checkProject(): Promise<void> {
  const here = process.cwd();
  if (!(await isFile('buf.yaml')) && !(await isFile('buf.work.yaml'))) {
    throw usageFailure(
      `There is no buf.yaml in '${here}'`,
      "Start this in your project's folder, or make one there:\n" +
        String.raw`printf 'version: v2\nmodules:\n  - path: proto\n' > buf.yaml`,
    );
  }
  if (!(await isFile('buf.gen.yaml'))) {
    throw usageFailure(
      `There is no buf.gen.yaml in '${here}'`,
      'It says what is generated: cp node_modules/inboard/buf.gen.yaml .',
    );
  }
}

/** The file to start, as seen from here. */
export async function findEntry(named: string | undefined): Promise<string> {
  const entry = named ?? ((await isFile(ENTRY)) ? ENTRY : await mainOfPackage());
  if (entry === undefined) {
    throw usageFailure(
      `Nothing to start: there is no ${ENTRY}, and package.json names no \`main\``,
      'Name it: inboard dev src/main.ts',
    );
  }
  const from = named === undefined && entry !== ENTRY ? '`main` of package.json' : 'The entry';
  if (!(await isFile(entry))) {
    throw usageFailure(
      `${from} '${entry}' cannot be started: there is no such file`,
      'Name the file that starts your server: inboard dev src/main.ts',
    );
  }
  if (/\.[cm]?ts$/.test(entry) && process.features.typescript === false) {
    throw usageFailure(
      `Node ${process.versions.node} does not run '${entry}' as it is`,
      'Node 22.18 and newer run TypeScript; or name a JavaScript file.',
    );
  }
  return entry;
}

async function mainOfPackage(): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile('package.json', 'utf8');
  } catch {
    return undefined;
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageFailure(`package.json is no JSON: ${reason}`);
  }
  const main = typeof found === 'object' && found !== null && 'main' in found ? found.main : null;
  return typeof main === 'string' && main !== '' ? main : undefined;
}

/** Folders of contracts: those that were named, or the modules of buf.yaml. */
export async function contractFolders({ proto }: DevOptions): Promise<string[]> {
  if (proto.length > 0) {
    for (const folder of proto) await checkFolder('--proto', folder);
    return [...proto];
  }
  const { code, output, errors } = await captureBuf(['config', 'ls-modules']);
  if (code !== 0) throw usageFailure(`buf cannot read buf.yaml:\n${errors.trimEnd()}`);
  const folders = output
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  for (const folder of folders) await checkFolder('The module of buf.yaml', folder);
  return folders;
}

/** Folders of code: those that were named, or `src` and where the entry is. */
export async function codeFolders(entry: string, { watch }: DevOptions): Promise<string[]> {
  if (watch.length > 0) {
    for (const folder of watch) await checkFolder('--watch', folder);
    return [...watch];
  }
  const home = relative('', dirname(resolve(entry))) || '.';
  const sources = (await isFolder(SOURCES)) ? [SOURCES] : [];
  return sources.some((folder) => contains(folder, entry)) ? sources : [...sources, home];
}

/** The type checker and its project; undefined where types are not checked. */
export async function findTypes(options: DevOptions, report: Report): Promise<Types | undefined> {
  const { check, tsconfig = TSCONFIG } = options;
  if (!check) return undefined;
  const there = await isFile(tsconfig);
  if (!there && options.tsconfig !== undefined) {
    throw usageFailure(`--tsconfig '${tsconfig}' cannot be read: there is no such file`);
  }
  const tsc = findTool('tsc');
  if (there && tsc !== undefined) return { tsc, tsconfig };
  const why = there ? 'TypeScript is not installed (npm i -D typescript)' : `no ${tsconfig}`;
  report({ event: 'note', message: `types are not checked: ${why}` });
  return undefined;
}

/** Whether a file is below a folder. */
export function contains(folder: string, file: string): boolean {
  return resolve(file).startsWith(join(resolve(folder), sep));
}

async function checkFolder(what: string, folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  throw usageFailure(`${what} '${folder}' is no folder`, `Seen from '${process.cwd()}'.`);
}

async function isFile(path: string): Promise<boolean> {
  return (await statsOf(path))?.isFile() === true;
}

async function isFolder(path: string): Promise<boolean> {
  return (await statsOf(path))?.isDirectory() === true;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}
