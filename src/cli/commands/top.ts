import type { Command } from 'commander';

import type { TopOptions } from '../actions/top.ts';
import { addOutput } from '../options.ts';

export function defineTop(program: Command): void {
  const command = program
    .command('top')
    .description("live table of a process's methods, endpoints and circuits")
    .requiredOption('--from <url>', "the process's admin endpoint, such as http://localhost:9464")
    .option('--once', 'print one table and end')
    .addHelpText(
      'after',
      `
q or Ctrl-C ends it. -o json prints one state a line, as the admin endpoint sends it.

Examples:
  inboard top --from http://localhost:9464
  inboard top --from http://localhost:9464 --once
  inboard top --from http://localhost:9464 -o json | jq .process.heapBytes`,
    );
  addOutput(command).action(async (options: TopOptions) => {
    const { top } = await import('../actions/top.ts');
    await top(options);
  });
}
