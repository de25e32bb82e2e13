import type { JsonValue } from '@bufbuild/protobuf';
import { toJson } from '@bufbuild/protobuf';
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

import type { Contract } from '../contract/contract.ts';
import { withContract } from '../contract/open.ts';
import { protoText } from '../contract/proto-text.ts';
import type { Described } from '../contract/symbols.ts';
import { findIn, symbolOf, unknownSymbol } from '../contract/symbols.ts';
import type { ContractOptions, OutputOptions } from '../options.ts';
import { print } from '../output.ts';
import { explainFailure } from '../rpc-failure.ts';

/** Prints what a name stands for, as a `.proto` file would say it; or its descriptor as JSON. */
export async function describe(
  symbol: string | undefined,
  options: ContractOptions & OutputOptions,
): Promise<void> {
  try {
    const found = await withContract(options, async (contract) => {
      const names = symbol === undefined ? await contract.services() : [symbolOf(symbol)];
      return Promise.all(names.map((name) => findOne(contract, name)));
    });
    const show = options.output === 'json' ? descriptorJson : protoText;
    for (const each of found) await print(show(each));
  } catch (error) {
    throw explainFailure(error, options.target);
  }
}

async function findOne(contract: Contract, symbol: string): Promise<Described> {
  // A server need not know methods by their own name, but it knows their service.
  const service = symbol.slice(0, Math.max(symbol.lastIndexOf('.'), 0));
  for (const name of service === '' ? [symbol] : [symbol, service]) {
    const registry = await contract.find(name);
    const found = registry === undefined ? undefined : findIn(registry, symbol);
    if (found !== undefined) return found;
  }
  throw await unknownSymbol(contract, symbol, 'name');
}

function descriptorJson(found: Described): string {
  return JSON.stringify({ kind: found.kind, name: nameOf(found), descriptor: protoOf(found) });
}

function nameOf(found: Described): string {
  return found.kind === 'rpc' ? `${found.parent.typeName}.${found.name}` : found.typeName;
}

function protoOf(found: Described): JsonValue {
  switch (found.kind) {
    case 'service':
      return toJson(ServiceDescriptorProtoSchema, found.proto);
    case 'rpc':
      return toJson(MethodDescriptorProtoSchema, found.proto);
    case 'message':
      return toJson(DescriptorProtoSchema, found.proto);
    case 'enum':
      return toJson(EnumDescriptorProtoSchema, found.proto);
    default:
      return toJson(FieldDescriptorProtoSchema, found.proto);
  }
}
