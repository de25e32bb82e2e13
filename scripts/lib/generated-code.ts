import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { generatePolicyValidators } from './policy-validators.ts';
import { run } from './run.ts';

/** Each is one run of buf; all of them write below `generated/`. */
const templates = ['buf.gen.yaml', 'buf.gen.lossless.yaml'];

/** The contracts as servers tell of them by reflection. */
const descriptors = 'generated/descriptors.binpb';

/** What stands in `generated/` and would not be generated so. Paths from the project's root. */
export interface Drift {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
  readonly stale: readonly string[];
}

/** Brings `generated/` up to the contracts. Touches only files that differ. */
export function updateGenerated(projectRoot: string): Promise<Drift> {
  return withFreshOutput(projectRoot, async (fresh) => {
    const drift = await compare(fresh, projectRoot);
    for (const file of [...drift.missing, ...drift.changed]) {
      await cp(join(fresh, file), join(projectRoot, file));
    }
    for (const file of drift.stale) await rm(join(projectRoot, file));
    return drift;
  });
}

/** Compares `generated/` with what the contracts give now, and changes nothing. */
export function findDrift(projectRoot: string): Promise<Drift> {
  return withFreshOutput(projectRoot, (fresh) => compare(fresh, projectRoot));
}

async function withFreshOutput<T>(
  projectRoot: string,
  use: (fresh: string) => Promise<T>,
): Promise<T> {
  const fresh = await mkdtemp(join(tmpdir(), 'inboard-generated-'));
  try {
    for (const template of templates) await generate(template, projectRoot, fresh);
    await describeContracts(projectRoot, fresh);
    await generatePolicyValidators(projectRoot, fresh);
    return await use(fresh);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function generate(template: string, projectRoot: string, output: string): Promise<void> {
  await buf(projectRoot, template, ['generate', '--template', template, '--output', output]);
}

/** Writes the descriptor set of all contracts, without what only people read. */
async function describeContracts(projectRoot: string, output: string): Promise<void> {
  const file = join(output, descriptors);
  const args = ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', file];
  await buf(projectRoot, 'buf build', args);
}

async function buf(projectRoot: string, what: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run('buf', args, { cwd: projectRoot });
  if (code === 0) return;
  throw new Error(
    `The contracts could not be generated with ${what}; generated/ is left as it was.\n` +
      `buf says (file:line:column:message):\n${output.trimEnd()}`,
  );
}

async function compare(fresh: string, projectRoot: string): Promise<Drift> {
  const wanted = await listFiles(fresh);
  const present = await listFiles(projectRoot);
  const changed: string[] = [];
  for (const file of wanted.filter((name) => present.includes(name))) {
    const [want, have] = await Promise.all([
      readFile(join(fresh, file)),
      readFile(join(projectRoot, file)),
    ]);
    if (!want.equals(have)) changed.push(file);
  }
  return {
    missing: wanted.filter((name) => !present.includes(name)),
    changed,
    stale: present.filter((name) => !wanted.includes(name)),
  };
}

/** The files below `generated/` of a folder, sorted. None where there is no such folder. */
async function listFiles(folder: string): Promise<string[]> {
  const top = join(folder, 'generated');
  try {
    const entries = await readdir(top, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map((file) => relative(dirname(top), join(file.parentPath, file.name))).toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
