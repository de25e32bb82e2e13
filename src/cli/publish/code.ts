import { existsSync } from 'node:fs';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { generate, mirrorIn, outputFolders } from '../codegen.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import { filesIn } from '../files.ts';
import { captureTool, requireTool } from '../project-tool.ts';
import type { Manifest } from './manifest.ts';
import { readManifest } from './manifest.ts';

/** As strict as code of ts-proto can be asked to be; what it imports is not its own. */
const COMPILER_OPTIONS = {
  target: 'es2024',
  module: 'nodenext',
  rootDir: 'code',
  outDir: 'dist',
  declaration: true,
  rewriteRelativeImportExtensions: true,
  strict: true,
  skipLibCheck: true,
};

/**
 * Generates code below `stage/code` and compiles it to `stage/dist`, since Node erases no types
 * below node_modules. Returns the packages that it imports, with their versions.
 */
export async function packCode(
  stage: string,
  templates: readonly string[],
  own: Manifest,
): Promise<Record<string, string>> {
  const modules = dirname(dirname(requireTool('tsc')));
  await symlink(modules, join(stage, 'node_modules'), 'junction');
  await generateCode(stage, templates);
  await compile(stage, existsSync(join(modules, '@types', 'node')) ? ['node'] : []);
  return dependenciesOf(await importsOf(join(stage, 'code')), own, modules);
}

/** The output folder that holds the others becomes the root: `generated/orders` is `orders`. */
async function generateCode(stage: string, templates: readonly string[]): Promise<void> {
  const raw = mirrorIn(join(stage, 'generated'));
  for (const template of templates) await generate(template, raw);
  const folders = (await Promise.all(templates.map(outputFolders))).flat();
  const root = folders.toSorted((one, other) => one.length - other.length)[0] ?? '.';
  for (const folder of folders.filter((path) => !relative(root, path).startsWith('..'))) {
    const to = join(stage, 'code', relative(root, folder));
    await cp(join(raw, folder), to, { recursive: true });
  }
  const code = await filesIn(join(stage, 'code'));
  if (code.some((file) => file.endsWith('.ts'))) return;
  throw usageFailure(
    `${templates.join(', ')} generates no TypeScript`,
    'inboard comes with a template: cp node_modules/inboard/buf.gen.yaml .',
  );
}

/** `types`: of what the code finds in its surroundings, such as Node's Buffer. */
async function compile(stage: string, types: readonly string[]): Promise<void> {
  const config = { compilerOptions: { ...COMPILER_OPTIONS, types }, include: ['code'] };
  await writeFile(join(stage, 'tsconfig.json'), JSON.stringify(config));
  // The compiler asks it what kind of modules to write; the package's own comes later.
  await writeFile(join(stage, 'package.json'), JSON.stringify({ type: 'module' }));
  const run = await captureTool(requireTool('tsc'), ['-p', stage]);
  if (run.code === 0) return;
  const problems = `${run.output.toString()}${run.errors}`.trim();
  throw new CliFailure(`The generated code does not compile:\n${problems}`, {
    hint: 'Generate it with importSuffix=.ts or .js, as the template of inboard does.',
  });
}

/** Names of packages that files import. */
async function importsOf(code: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const file of await filesIn(code)) {
    const text = await readFile(join(code, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export) .*from "([^".][^"]*)"/gm)) {
      const parts = specifier.split('/');
      if (specifier.startsWith('node:')) continue;
      names.add(parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/'));
    }
  }
  return names;
}

/** A range of versions: `workspace:*`, `catalog:` and `file:…` mean something in the project only. */
const RANGE = /^[\d^~<>=*]/;

/** As the project asks for them, else from the version that it has on. */
async function dependenciesOf(
  names: ReadonlySet<string>,
  own: Manifest,
  modules: string,
): Promise<Record<string, string>> {
  const dependencies: Record<string, string> = {};
  for (const name of [...names].toSorted()) {
    const { version } = await readManifest(join(modules, name));
    if (version === undefined) {
      throw new CliFailure(`The generated code imports ${name}, which is not installed`, {
        hint: `Install it in your project: npm i ${name}`,
      });
    }
    const asked = own.dependencies?.[name] ?? own.devDependencies?.[name] ?? '';
    dependencies[name] = RANGE.test(asked) ? asked.replace(/^(?=\d)/, '^') : `^${version}`;
  }
  return dependencies;
}
