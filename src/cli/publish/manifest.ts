import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { usageFailure } from '../failure.ts';

/** What of a package.json is looked at. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly repository?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** That of a folder; an empty one where there is none. */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = join(folder, 'package.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  try {
    return JSON.parse(text) as Manifest;
  } catch (error) {
    throw usageFailure(`${file} is no JSON: ${(error as Error).message}`);
  }
}

export interface PackageNames {
  readonly name: string;
  readonly version: string;
}

/** npm's rule, for new packages. */
const NAME = /^(?:@[a-z\d~-][a-z\d._~-]*\/)?[a-z\d~-][a-z\d._~-]*$/;

/** Semantic Versioning 2.0.0. */
const VERSION = /^\d+\.\d+\.\d+(?:-[\dA-Za-z-.]+)?(?:\+[\dA-Za-z-.]+)?$/;

/** What the package is called: as was said, else after the project. */
export function packageNames(own: Manifest, said: Partial<PackageNames>): PackageNames {
  const name = said.name ?? (own.name === undefined ? undefined : `${own.name}-contracts`);
  const version = said.version ?? own.version;
  if (name === undefined) {
    throw usageFailure('The package has no name', 'Add --name @acme/orders-contracts.');
  }
  if (!NAME.test(name)) {
    throw usageFailure(
      `'${name}' is no name of an npm package`,
      'Add --name @acme/orders-contracts.',
    );
  }
  if (version === undefined) {
    throw usageFailure('The package has no version', 'Add --package-version 1.2.0.');
  }
  if (!VERSION.test(version)) {
    throw usageFailure(`'${version}' is no version`, 'Write it as --package-version 1.2.0.');
  }
  return { name, version };
}

/** The package.json of a package of contracts. */
export function contractsManifest(
  names: PackageNames,
  { license, repository }: Manifest,
  dependencies: Readonly<Record<string, string>>,
): object {
  return {
    ...names,
    description: 'gRPC contracts: proto files, their image, and code for TypeScript',
    ...(license === undefined ? {} : { license }),
    ...(repository === undefined ? {} : { repository }),
    type: 'module',
    exports: {
      './*.js': { types: './dist/*.d.ts', default: './dist/*.js' },
      './image.binpb': './image.binpb',
      './proto/*': './proto/*',
      './package.json': './package.json',
    },
    files: ['dist', 'proto', 'image.binpb'],
    dependencies,
  };
}
