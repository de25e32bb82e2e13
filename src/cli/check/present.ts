import { toBinary } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { fileNames } from '../../contract.ts';
import { captureBuf } from '../buf-process.ts';
import { parseImage, readImage } from '../contract/image.ts';
import { usageFailure } from '../failure.ts';
import { lintAdvice } from './advice.ts';
import { imageFile } from './baseline.ts';
import { findingsOf } from './buf-findings.ts';
import type { Finding } from './finding.ts';

/** The contracts that are checked. */
export interface Present {
  /** What buf takes as its input. */
  readonly input: string;
  /** False for an image, which has no sources to lint, to format and to generate from. */
  readonly sources: boolean;
  readonly descriptors: FileDescriptorSet;
  /** What a file is called here, given its name in a descriptor. */
  readonly fileName: (name: string) => string;
}

/** This folder's contracts, or what does not compile in them. */
export async function presentSources(): Promise<Present | readonly Finding[]> {
  const built = await captureBuf(['build', '--error-format', 'json', '-o', '-#format=binpb']);
  if (built.code !== 0) {
    const output = Buffer.alloc(0);
    return findingsOf('build', { ...built, output }, lintAdvice);
  }
  return {
    input: '.',
    sources: true,
    descriptors: parseImage('.', built.output),
    fileName: fileNames(process.cwd()),
  };
}

/** The contracts of an image, or of a package of contracts. */
export async function presentImage(path: string): Promise<Present> {
  const file = await imageFile(path);
  if (file === undefined) {
    throw usageFailure(
      `'${path}' is no image and no package of contracts`,
      "Name a file of `buf build -o` or a folder of `inboard publish`; for this folder's own " +
        'contracts name nothing',
    );
  }
  return {
    input: file,
    sources: false,
    descriptors: await readImage(file),
    fileName: (name) => name,
  };
}

export function bytesOf(descriptors: FileDescriptorSet): Uint8Array {
  return toBinary(FileDescriptorSetSchema, descriptors);
}
