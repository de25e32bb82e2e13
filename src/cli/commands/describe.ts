import type { Command } from 'commander';

import type { ContractOptions, OutputOptions } from '../options.ts';
import { addContract, addOutput, addTarget } from '../options.ts';

export function defineDescribe(program: Command): void {
  const command = program
    .command('describe')
    .description('print a service, method, message or enum as its contract has it')
    .argument('[symbol]', 'full name; without one, every service')
    .addHelpText(
      'after',
      `
Comments are printed where the descriptors hold them: files of \`buf build\` do, and servers that
serve such a file by reflection.

Examples:
  inboard describe orders.v1.OrdersService --target localhost:50051
  inboard describe orders.v1.OrdersService/GetOrder --target localhost:50051
  inboard describe orders.v1.Order --image descriptors.binpb
  inboard describe orders.v1.Order --proto proto -o json`,
    );
  addOutput(addContract(addTarget(command))).action(
    async (symbol: string | undefined, options: ContractOptions & OutputOptions) => {
      const { describe } = await import('../actions/describe.ts');
      await describe(symbol, options);
    },
  );
}
