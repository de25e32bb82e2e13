import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { ConfigError } from '../core/errors.ts';
import type { Contract, ContractMethod, ReadContractOptions } from './contract.ts';
import type { ContractProblem } from './places.ts';
import { byPlace, Places } from './places.ts';
import { ServiceReader } from './service-reader.ts';

/**
 * Reads the services of a descriptor set: `buf build -o image.binpb`, or `protoc
 * --include_imports --include_source_info --descriptor_set_out`. Throws a ConfigError for what is
 * none.
 */
export function readContract(image: Uint8Array, options: ReadContractOptions = {}): Contract {
  let set: FileDescriptorSet;
  try {
    set = fromBinary(FileDescriptorSetSchema, image);
  } catch (cause) {
    const message = 'this is no descriptor set; make one with `buf build -o image.binpb`';
    throw new ConfigError(message, { cause });
  }
  return readDescriptors(set, options);
}

/** The same, of descriptors that are read already. */
export function readDescriptors(
  set: FileDescriptorSet,
  { fileName = (name) => name, only }: ReadContractOptions = {},
): Contract {
  const registry = registryOf(set);
  const extensions = {
    service: registry.getExtension('inboard.policy.v1.service'),
    method: registry.getExtension('inboard.policy.v1.method'),
  };
  const methods: ContractMethod[] = [];
  const problems: ContractProblem[] = [];
  for (const { proto, services } of registry.files) {
    if (only !== undefined && !only.has(proto.name)) continue;
    const places = new Places(proto, fileName(proto.name));
    for (const [index, service] of services.entries()) {
      const reader = new ServiceReader(service, index, extensions, places);
      methods.push(...reader.methods);
      problems.push(...reader.problems);
    }
  }
  return { methods, problems: problems.toSorted(byPlace) };
}

function registryOf(set: FileDescriptorSet): ReturnType<typeof createFileRegistry> {
  try {
    return createFileRegistry(set);
  } catch (cause) {
    const message = 'this descriptor set lacks files that its own import; build it with them all';
    throw new ConfigError(message, { cause });
  }
}
