import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

import type { FileRegistry } from '@bufbuild/protobuf';
import { createFileRegistry, fromBinary, fromJsonString } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { captureBuf } from '../buf-process.ts';
import { CliFailure, fileFailure, usageFailure } from '../failure.ts';
import type { Contract } from './contract.ts';
import { declares } from './symbols.ts';

/** The contract in a file of `buf build -o` or `protoc -o`: binary, JSON, or either in gzip. */
export async function imageContract(file: string): Promise<Contract> {
  return contractOf(file, registryOf(file, await readImage(file)));
}

/** The descriptors in such a file. */
export async function readImage(file: string): Promise<FileDescriptorSet> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw fileFailure('--image', file, error);
  }
  return parseImage(file, bytes);
}

/** The contract of a folder of `.proto` files, as the project's buf builds it. */
export async function folderContract(folder: string): Promise<Contract> {
  return contractOf(folder, registryOf(folder, await buildFolder(folder)));
}

/** The descriptors of such a folder; `name` stands for it in messages. */
export async function buildFolder(
  folder: string,
  name: string = `'${folder}'`,
): Promise<FileDescriptorSet> {
  const built = await captureBuf(['build', folder, '-o', '-#format=binpb']);
  if (built.code !== 0) {
    throw new CliFailure(`buf cannot build ${name}:\n${built.errors.trimEnd()}`);
  }
  return parseImage(folder, built.output);
}

/** Descriptors in what buf or protoc wrote; `file` names it in messages. */
export function parseImage(file: string, raw: Buffer): FileDescriptorSet {
  try {
    const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
    const set = readSet(bytes);
    if (set.file.length === 0) throw new Error('it holds no file');
    return set;
  } catch (error) {
    throw noImage(file, error);
  }
}

function registryOf(file: string, set: FileDescriptorSet): FileRegistry {
  try {
    return createFileRegistry(set);
  } catch (error) {
    throw noImage(file, error);
  }
}

function noImage(file: string, error: unknown): CliFailure {
  const reason = error instanceof Error ? error.message : String(error);
  return usageFailure(
    `'${file}' is no image of contracts: ${reason}`,
    'Make one: npx buf build -o descriptors.binpb',
  );
}

/** The first byte of a binary set: the tag of its files. To a text it would be a line's end. */
const FILE_TAG = 0x0a;

function readSet(bytes: Buffer): FileDescriptorSet {
  if (bytes[0] === FILE_TAG || !bytes.subarray(0, 64).toString().trimStart().startsWith('{')) {
    return fromBinary(FileDescriptorSetSchema, bytes);
  }
  const text = bytes.toString();
  const options = { ignoreUnknownFields: true };
  // Options of others, such as policies, are read by what the set itself says of them.
  const registry = createFileRegistry(fromJsonString(FileDescriptorSetSchema, text, options));
  return fromJsonString(FileDescriptorSetSchema, text, { ...options, registry });
}

function contractOf(origin: string, registry: FileRegistry): Contract {
  const services = [...registry].flatMap((type) => (type.kind === 'service' ? type.typeName : []));
  return {
    origin,
    services: async () => services.toSorted(),
    find: async (symbol) => (declares(registry, symbol) ? registry : undefined),
  };
}
