import type { Command } from 'commander';

import type { ExplainOptions } from '../actions/explain.ts';
import { addContract, addOutput } from '../options.ts';

export function defineExplain(program: Command): void {
  const command = program
    .command('explain')
    .description("what holds for a method's calls, value by value, and who said so")
    .argument('<method>', 'full name of a method, such as orders.v1.OrdersService/GetOrder')
    .option('--policy <file>', 'policy file that clients use, laid over the contract')
    .option('--from <url>', 'ask the admin endpoint of a running client, which knows its code, too')
    .addHelpText(
      'after',
      `
Sources, weakest first: default, contract (options of the .proto), code, file.
Without --image, --proto and --from, buf builds the folder that this is started in.

Examples:
  inboard explain orders.v1.OrdersService/GetOrder
  inboard explain orders.v1.OrdersService/GetOrder --policy policy.yaml
  inboard explain orders.v1.OrdersService/GetOrder --image descriptors.binpb -o json
  inboard explain orders.v1.OrdersService/GetOrder --from http://localhost:9464`,
    );
  addOutput(addContract(command)).action(async (method: string, options: ExplainOptions) => {
    const { explain } = await import('../actions/explain.ts');
    await explain(method, options);
  });
}
