import type { Command } from 'commander';

import type { ContractOptions, OutputOptions } from '../options.ts';
import { addContract, addOutput, addTarget } from '../options.ts';

export function defineList(program: Command): void {
  const command = program
    .command('list')
    .description('list the services of a server, or the methods of one')
    .argument('[service]', 'full name of a service, such as orders.v1.OrdersService')
    .addHelpText(
      'after',
      `
Examples:
  inboard list --target localhost:50051
  inboard list orders.v1.OrdersService --target localhost:50051
  inboard list --image descriptors.binpb
  inboard list --proto proto -o json`,
    );
  addOutput(addContract(addTarget(command))).action(
    async (service: string | undefined, options: ContractOptions & OutputOptions) => {
      const { list } = await import('../actions/list.ts');
      await list(service, options);
    },
  );
}
