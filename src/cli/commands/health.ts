import type { Command } from 'commander';

import type { HealthOptions } from '../actions/health.ts';
import { addOutput, addTarget } from '../options.ts';

export function defineHealth(program: Command): void {
  const command = program
    .command('health')
    .description('ask a server for its health; exits with 0 only where it is SERVING')
    .argument('[service]', 'full name of a service; without one, the server as a whole')
    .option('--watch', 'print each change, until Ctrl-C')
    .addHelpText(
      'after',
      `
Speaks grpc.health.v1. As a probe of a container:

  livenessProbe:
    exec: { command: [inboard, health, --target, 'localhost:50051', --timeout, 1s] }

Examples:
  inboard health --target localhost:50051
  inboard health orders.v1.OrdersService --target localhost:50051
  inboard health --target localhost:50051 --watch -o json`,
    );
  addOutput(addTarget(command)).action(
    async (service: string | undefined, options: HealthOptions) => {
      const { health } = await import('../actions/health.ts');
      await health(service, options);
    },
  );
}
