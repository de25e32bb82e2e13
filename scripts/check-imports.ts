// Checks who imports whom below src/: `node scripts/check-imports.ts [ROOT]`.
// The rules are the table in lib/import-rules.ts.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join, posix, relative, sep } from 'node:path';
import { findCycles } from './lib/find-cycles.ts';
import { mayImport, packageOnlyIn, partOf } from './lib/import-rules.ts';
import { runAsProgram } from './lib/main.ts';
import { type Import, parseImports } from './lib/parse-imports.ts';
import { root } from './lib/run.ts';

interface SourceFile {
  /** Path below `src/`. */
  readonly file: string;
  readonly part: string;
}

/** Everything that breaks a rule in a project, one line each; empty where all is well. */
export async function checkImports(projectRoot: string): Promise<string[]> {
  const dependencies = await readDependencies(projectRoot);
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const file of await sourceFiles(projectRoot)) {
    const part = partOf(file);
    if (part === undefined) {
      problems.push(
        `src/${file}: belongs to no part that scripts/lib/import-rules.ts knows; add it there`,
      );
      continue;
    }
    const source = await readFile(join(projectRoot, 'src', file), 'utf8');
    const edges: string[] = [];
    graph.set(file, edges);
    for (const found of parseImports(`src/${file}`, source)) {
      const target = targetOf(file, found.specifier);
      if (target?.startsWith('src/') === true) edges.push(target.slice('src/'.length));
      const problem =
        target === undefined
          ? checkPackage(part, found.specifier, dependencies)
          : checkFile(projectRoot, { file, part }, target);
      if (problem !== undefined) problems.push(describe(file, found, problem));
    }
  }
  const cycles = findCycles(graph).map((cycle) => `a cycle: ${cycle.join(' -> ')}`);
  return [...problems, ...cycles];
}

/** The imported file's path from the project's root; undefined for a package. */
function targetOf(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join('src', posix.dirname(file), specifier);
}

function checkFile(projectRoot: string, from: SourceFile, target: string): string | undefined {
  if (!existsSync(join(projectRoot, target))) {
    return `${target} does not exist (imports name the file, with its .ts)`;
  }
  const inSource = target.startsWith('src/');
  const part = inSource
    ? partOf(target.slice('src/'.length))
    : posix.normalize(target).split('/')[0];
  if (part === undefined || part === from.part) return undefined;
  const allowed = mayImport[from.part] ?? [];
  if (allowed.includes(part)) return undefined;
  if (inSource && allowed.includes(target.slice('src/'.length))) return undefined;
  const list = allowed.length === 0 ? 'nothing of the project' : allowed.join(', ');
  return `${from.part} may not import ${part}; it may import ${list}`;
}

function checkPackage(
  part: string,
  specifier: string,
  dependencies: ReadonlySet<string>,
): string | undefined {
  if (isBuiltin(specifier)) {
    return specifier.startsWith('node:') ? undefined : `write it as node:${specifier}`;
  }
  const segments = specifier.split('/');
  const name = segments.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  if (!dependencies.has(name)) {
    return `${name} is not among the dependencies in package.json, so users would not get it`;
  }
  const only = packageOnlyIn[name];
  if (only === undefined || only.includes(part)) return undefined;
  return `only ${only.map((folder) => `src/${folder}`).join(', ')} may import ${name}`;
}

function describe(file: string, found: Import, problem: string): string {
  return `src/${file}:${found.line}: imports '${found.specifier}': ${problem}`;
}

async function sourceFiles(projectRoot: string): Promise<string[]> {
  const src = join(projectRoot, 'src');
  const entries = await readdir(src, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
}

async function readDependencies(projectRoot: string): Promise<ReadonlySet<string>> {
  const text = await readFile(join(projectRoot, 'package.json'), 'utf8');
  const { dependencies, peerDependencies } = JSON.parse(text) as Readonly<
    Record<'dependencies' | 'peerDependencies', Readonly<Record<string, string>> | undefined>
  >;
  return new Set(Object.keys({ ...dependencies, ...peerDependencies }));
}

await runAsProgram(import.meta, async () => {
  const problems = await checkImports(process.argv[2] ?? root);
  if (problems.length === 0) return 0;
  console.error(problems.join('\n'));
  console.error(
    `\n${problems.length} broken. The rules are the table in scripts/lib/import-rules.ts.`,
  );
  return 1;
});
