import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { lineOfProblem } from '../../contract.ts';
import { presentSources } from '../check/present.ts';
import { TEMPLATE } from '../codegen.ts';
import { CliFailure, EXIT, usageFailure } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { print, table, withProgress } from '../output.ts';
import { startGroup } from '../process-group.ts';
import { outputOf } from '../project-tool.ts';
import { packageNames, readManifest } from '../publish/manifest.ts';
import { stagePackage } from '../publish/stage.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';

export interface PublishOptions extends OutputOptions {
  readonly out?: string;
  readonly dryRun?: true;
  readonly name?: string;
  readonly packageVersion?: string;
  readonly template: readonly string[];
}

/** What `npm pack --json` says of a tarball. */
interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Packs the contracts of this folder as an npm package. */
export async function publish(options: PublishOptions): Promise<void> {
  const { out, dryRun } = options;
  if ((out === undefined) === (dryRun === undefined)) {
    throw usageFailure(
      out === undefined
        ? 'Nothing is said of where to'
        : '--out and --dry-run contradict each other',
      'Add --out DIR to pack, or --dry-run to see what would be packed.',
    );
  }
  const own = await readManifest('.');
  const { name, packageVersion: version } = options;
  const names = packageNames(own, {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
  });
  const present = await withProgress('buf builds the contracts', presentSources());
  if (!('input' in present)) {
    const problems = present.map((finding) => `\n${lineOfProblem(finding)}`).join('');
    throw new CliFailure(`The contracts do not compile:${problems}`, { exitCode: EXIT.found });
  }
  const templates = options.template.length === 0 ? [TEMPLATE] : options.template;
  await withTemporaryFolder('publish', async (stage) => {
    const staged = stagePackage(stage, present, { names, own, templates });
    await withProgress('generating and compiling code', staged);
    const packed = await withProgress('npm packs', pack(stage, out));
    await report(packed, options);
  });
}

async function makeFolder(out: string): Promise<void> {
  try {
    await mkdir(out, { recursive: true });
  } catch (error) {
    throw usageFailure(`--out '${out}' cannot be made: ${(error as Error).message}`);
  }
}

async function pack(stage: string, out: string | undefined): Promise<Packed> {
  const args = ['pack', '--json', '--ignore-scripts'];
  if (out === undefined) args.push('--dry-run');
  else {
    await makeFolder(out);
    args.push('--pack-destination', resolve(out));
  }
  const child = startGroup('npm', args, { cwd: stage, stdio: ['ignore', 'pipe', 'pipe'] });
  const { code, output, errors } = await outputOf(child).catch((error: unknown) => {
    throw new CliFailure(`npm cannot be run: ${(error as Error).message}`, {
      hint: 'It comes with Node: is it on the PATH?',
    });
  });
  if (code !== 0) throw new CliFailure(`npm pack failed:\n${errors.trim()}`);
  // A list, or, of newer versions of npm, an object by name.
  const [packed] = Object.values(JSON.parse(output.toString()) as Record<string, Packed>);
  if (packed === undefined) throw new CliFailure('npm pack said nothing of what it packed');
  return packed;
}

async function report(packed: Packed, { out, output }: PublishOptions): Promise<void> {
  const { filename, size, files } = packed;
  const tarball = out === undefined ? null : join(out, filename);
  if (output === 'json') {
    await print(JSON.stringify({ tarball, size, files }));
    return;
  }
  const rows = files.map((file) => [String(file.size), file.path]);
  await print(table(['BYTES', 'FILE'], rows));
  await print(
    tarball === null
      ? `${filename} would have ${size} bytes`
      : `${tarball} has ${size} bytes; to publish it: npm publish ${tarball}`,
  );
}
