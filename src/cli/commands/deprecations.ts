import type { Command } from 'commander';

import type { DeprecationsOptions } from '../actions/deprecations.ts';
import { addOutput, collectList } from '../options.ts';

export function defineDeprecations(program: Command): void {
  const command = program
    .command('deprecations')
    .description('who still uses the deprecated methods and fields of running servers')
    .requiredOption(
      '--from <url>',
      'admin endpoint of a server, such as http://localhost:9464; repeatable, or a,b: counts add up',
      collectList,
    )
    .option('--fail-if-used', 'exit with 100 where anything deprecated is in use')
    .addHelpText(
      'after',
      `
Counted since each process started: calls of methods that the contract marks as deprecated, and
requests that set a deprecated field. A caller is who it proved to be, else what it calls itself
(createRuntime({ service })), else its address. That a client reads a deprecated field of a
response, no server sees. Ask all servers, and long enough after their start, before you remove
what nobody used.

Examples:
  inboard deprecations --from http://localhost:9464
  inboard deprecations --from http://10.0.0.1:9464,http://10.0.0.2:9464
  inboard deprecations --from http://localhost:9464 --fail-if-used
  inboard deprecations --from http://localhost:9464 -o json | jq '.deprecated[].uses[].caller'`,
    );
  addOutput(command).action(async (options: DeprecationsOptions) => {
    const { deprecations } = await import('../actions/deprecations.ts');
    await deprecations(options);
  });
}
