// Fails where a file of the project names what differs from machine to machine: a package
// registry's host, an absolute path, or the place a locked package was fetched from.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAsProgram } from './lib/main.ts';
import { root, run, runOrThrow } from './lib/run.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly problem: string;
  /** The one file the rule is for. Default: all of them. */
  readonly file?: string;
}

// Written in pieces, so that this file does not find itself.
const registryHosts = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['npm', 'jsr', 'io'],
  ['proxy', 'golang', 'org'],
  ['files', 'pythonhosted', 'org'],
  ['pypi', 'org'],
  ['static', 'crates', 'io'],
  ['index', 'crates', 'io'],
  ['repo', 'maven', 'apache', 'org'],
  ['deb', 'debian', 'org'],
].map((labels) => labels.join('.'));

// Folders at the top of somebody's machine. A path in a URL or below another folder is fine.
const topFolders = ['work', 'home', 'root', 'Users', 'mnt', 'workspace'];

async function rules(): Promise<Rule[]> {
  const hosts = [...registryHosts, ...(await configuredRegistry())];
  return [
    {
      pattern: new RegExp(`(?<![\\w.-])(?:${hosts.map(escape).join('|')})`),
      problem: 'names a package registry; leave it to the npm configuration',
    },
    {
      pattern: new RegExp(`(?<![\\w.~*/})-])(?:file://)?/(?:${topFolders.join('|')})/[\\w.]`),
      problem: 'names an absolute path; use one below the root folder, or import.meta.dirname',
    },
    {
      pattern: new RegExp(`${escape(root)}(?![\\w-])`),
      problem: 'names the folder of this checkout; use a path below it',
    },
    {
      pattern: /^\s*"resolved":/,
      problem: 'says where a package was fetched; .npmrc leaves that out, run `npm install`',
      file: 'package-lock.json',
    },
  ];
}

/** The host of the registry that npm uses here, unless it is this machine. */
async function configuredRegistry(): Promise<string[]> {
  const { code, stdout } = await run('npm', ['config', 'get', 'registry']);
  const url = URL.parse(stdout.trim());
  if (code !== 0 || url === null) return [];
  const { hostname } = url;
  const local = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return local ? [] : [hostname];
}

/** Every file that is, or would be, committed. */
async function projectFiles(): Promise<string[]> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const { stdout } = await runOrThrow('git', args);
  return stdout.split('\0').filter((name) => name !== '');
}

async function findProblems(file: string, applied: readonly Rule[]): Promise<string[]> {
  const content = await readFile(join(root, file)).catch(() => undefined);
  // A binary file, or one deleted but not yet committed so.
  if (content === undefined || content.includes(0)) return [];
  const problems: string[] = [];
  for (const [index, line] of content.toString('utf8').split('\n').entries()) {
    for (const { pattern, problem, file: only } of applied) {
      if (only !== undefined && only !== file) continue;
      const match = pattern.exec(line);
      if (match !== null) {
        problems.push(`${file}:${index + 1}: \`${match[0].trim()}\` ${problem}`);
      }
    }
  }
  return problems;
}

function escape(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

await runAsProgram(import.meta, async () => {
  const applied = await rules();
  const files = await projectFiles();
  const problems = await Promise.all(files.map((file) => findProblems(file, applied)));
  if (problems.flat().length === 0) return 0;
  console.error(problems.flat().join('\n'));
  return 1;
});
