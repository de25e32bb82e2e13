import type { Command } from 'commander';

import type { CallCommandOptions } from '../actions/call.ts';
import { addContract, addOutput, addTarget } from '../options.ts';

export function defineCall(program: Command): void {
  const command = program
    .command('call')
    .description('call a method with JSON, and print what it answers as JSON')
    .argument('<method>', 'such as orders.v1.OrdersService/GetOrder')
    .option('-d, --data <json>', 'the request, several for a stream; @ reads them from stdin')
    .option('-v, --verbose', 'print headers, trailers, attempts, endpoints and times on stderr')
    .option('--emit-defaults', 'print fields that are at their default too')
    .addHelpText(
      'after',
      `
Without -d an empty message is sent; to a method that takes a stream, none. From stdin, messages
are sent as they come: one a line, or one after the other. -o json prints one message a line.

Examples:
  inboard call orders.v1.OrdersService/GetOrder -d '{"id": "a"}' -t localhost:50051
  inboard call orders.v1.OrdersService/WatchOrder -d '{"id": "a"}' -t localhost:50051 -o json
  inboard call orders.v1.OrdersService/ImportOrders -d @ -t localhost:50051 < orders.ndjson
  inboard call orders.v1.OrdersService/GetOrder -v -t localhost:50051 \\
    -H 'authorization: Bearer TOKEN' --timeout 2s
  inboard call orders.v1.OrdersService/GetOrder -t orders.example:443 \\
    --cacert ca.pem --cert me.pem --key me.key
  inboard call orders.v1.OrdersService/GetOrder -t localhost:50051 --image descriptors.binpb`,
    );
  addOutput(addContract(addTarget(command))).action(
    async (method: string, options: CallCommandOptions) => {
      const { call } = await import('../actions/call.ts');
      await call(method, options);
    },
  );
}
