import type { DescMethod } from '@bufbuild/protobuf';

import { withContract } from '../contract/open.ts';
import { findService, symbolOf } from '../contract/symbols.ts';
import type { ContractOptions, OutputOptions } from '../options.ts';
import { print, table } from '../output.ts';
import { explainFailure } from '../rpc-failure.ts';

/** Prints the services of a contract, one a line; or the methods of one. */
export async function list(
  service: string | undefined,
  options: ContractOptions & OutputOptions,
): Promise<void> {
  try {
    const asJson = options.output === 'json';
    const text = await withContract(options, async (contract) => {
      if (service === undefined) {
        const names = await contract.services();
        return asJson ? JSON.stringify(names) : names.join('\n');
      }
      const { methods } = (await findService(contract, symbolOf(service))).service;
      return asJson ? JSON.stringify(methods.map(factsOf)) : methodTable(methods);
    });
    if (text !== '') await print(text);
  } catch (error) {
    throw explainFailure(error, options.target);
  }
}

function factsOf(method: DescMethod): object {
  return {
    name: method.name,
    type: method.methodKind,
    request: method.input.typeName,
    response: method.output.typeName,
    deprecated: method.deprecated,
  };
}

function methodTable(methods: readonly DescMethod[]): string {
  const rows = methods.map(({ name, methodKind, input, output }) => [
    name,
    methodKind,
    input.typeName,
    output.typeName,
  ]);
  return table(['METHOD', 'TYPE', 'REQUEST', 'RESPONSE'], rows);
}
