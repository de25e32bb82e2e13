import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Only the files. */
export const BARE: readonly string[] = ['--no-install', '--no-git'];

/** Who commits, and nothing of this machine's own settings. */
export const GIT: Readonly<Record<string, string>> = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.test',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.test',
};

/** All files below a folder by their names, but for what packages and git put there. */
export async function filesOf(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !/^(node_modules|\.git)\//.test(name));
  const texts = names.map(
    async (name): Promise<[string, string]> => [name, await readFile(join(folder, name), 'utf8')],
  );
  return new Map(await Promise.all(texts));
}

/**
 * A PATH on which commands are these scripts of Node, and Node is there itself; `alone`: and
 * nothing else is.
 */
export async function pathOf(
  folder: string,
  commands: Readonly<Record<string, string>>,
  options: { readonly alone?: boolean } = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(commands)) {
    await writeFile(join(folder, name), `#!${process.execPath}\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  if (options.alone === true) return folder;
  return [folder, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
}

/** A file that looks like a package until somebody unpacks it. */
export async function emptyTarball(file: string): Promise<string> {
  await writeFile(file, await promisify(gzip)(Buffer.alloc(1_024)));
  return file;
}
