import type { Command } from 'commander';
import { Option } from 'commander';

import type { DevOptions } from '../dev/plan.ts';
import { addOutput, collect, parseTime } from '../options.ts';

export function defineDev(program: Command): void {
  const command = program
    .command('dev')
    .description('generate, type-check and start a server, and again after each change')
    .argument('[entry]', 'the file to start (default: src/server.ts, else main of package.json)')
    .argument('[args...]', 'what it is given, after --')
    .addOption(
      new Option('--proto <folder>', 'contracts to watch and generate; repeatable')
        .argParser(collect)
        .default([], 'the modules of buf.yaml'),
    )
    .addOption(
      new Option('--watch <folder>', 'code to watch; repeatable')
        .argParser(collect)
        .default([], "src, and the entry's folder"),
    )
    .option('--no-check', 'do not check types')
    .option('--tsconfig <file>', 'what types are checked by (default: tsconfig.json)')
    .addOption(
      new Option('--grace <time>', 'how long the server may take to end before it is killed')
        .argParser(parseTime)
        .default(10_000, '10s'),
    )
    .addHelpText(
      'after',
      `
Runs the project's own buf and tsc, and the entry with this Node, which runs TypeScript as it is. A
contract that does not compile or code that is not right in its types is told with file and line,
and what runs goes on. A restart sends SIGTERM and waits for the end, so that the port is free.
Output of generation, node_modules, dist and names that begin with a dot are not watched.

The server is started with INBOARD_DEV=1, for what differs in development: a drain that waits for
no balancer ({ propagationMs: 0 }) makes restarts quick.

Ctrl-C asks the server to end and waits for it, a second one kills it. -o json prints one event a
line; what the server prints is then on stderr.

Examples:
  inboard dev
  inboard dev src/main.ts --watch src --watch config
  inboard dev src/server.ts -- --port 50051
  NODE_OPTIONS=--inspect inboard dev --no-check`,
    );
  addOutput(command).action(
    async (entry: string | undefined, args: readonly string[], options: DevOptions) => {
      const { dev } = await import('../actions/dev.ts');
      await dev(entry, args, options);
    },
  );
}
