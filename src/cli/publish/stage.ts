import { existsSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createFileRegistry } from '@bufbuild/protobuf';

import { captureBuf } from '../buf-process.ts';
import type { Present } from '../check/present.ts';
import { bytesOf } from '../check/present.ts';
import { CliFailure } from '../failure.ts';
import { packCode } from './code.ts';
import type { Manifest, PackageNames } from './manifest.ts';
import { contractsManifest } from './manifest.ts';
import { readmeOf } from './readme.ts';

export interface StageOptions {
  readonly names: PackageNames;
  readonly own: Manifest;
  readonly templates: readonly string[];
}

/** Puts a package of contracts together in a folder. */
export async function stagePackage(
  stage: string,
  present: Present,
  { names, own, templates }: StageOptions,
): Promise<void> {
  await exportProtos(join(stage, 'proto'));
  await writeFile(join(stage, 'image.binpb'), bytesOf(present.descriptors));
  const dependencies = await packCode(stage, templates, own);
  const manifest = contractsManifest(names, own, dependencies);
  await writeFile(join(stage, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await writeFile(join(stage, 'README.md'), readmeOf(names, servicesOf(stage, present)));
  await cp('LICENSE', join(stage, 'LICENSE')).catch(ignoreMissing);
}

async function exportProtos(folder: string): Promise<void> {
  const run = await captureBuf(['export', '.', '-o', folder]);
  if (run.code !== 0) throw new CliFailure(`buf export failed: ${run.errors.trim()}`);
}

/** Of those that code was generated for: the module by the service's full name. */
function servicesOf(stage: string, { descriptors }: Present): ReadonlyMap<string, string> {
  const services = [...createFileRegistry(descriptors)].flatMap((type) =>
    type.kind === 'service'
      ? [[type.typeName, type.file.proto.name.replace(/\.proto$/, '.js')] as const]
      : [],
  );
  const generated = services.filter(([, module]) => existsSync(join(stage, 'dist', module)));
  return new Map(generated.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
