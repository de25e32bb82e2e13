import type { Command } from 'commander';

interface BufCommand {
  readonly name: 'lint' | 'format' | 'breaking' | 'generate';
  readonly description: string;
  readonly examples: readonly string[];
}

const COMMANDS: readonly BufCommand[] = [
  {
    name: 'lint',
    description: 'check contracts against the rules of buf.yaml',
    examples: ['inboard lint', 'inboard lint proto --error-format json'],
  },
  {
    name: 'format',
    description: 'format contracts',
    examples: ['inboard format --diff', 'inboard format -w', 'inboard format --exit-code'],
  },
  {
    name: 'breaking',
    description: 'find changes of contracts that break callers',
    examples: [
      "inboard breaking --against '.git#tag=v1.0.0'",
      'inboard breaking --against descriptors.binpb',
    ],
  },
  {
    name: 'generate',
    description: 'generate code from contracts, as buf.gen.yaml says',
    examples: ['inboard generate', 'inboard generate --template buf.gen.lossless.yaml'],
  },
];

/** Each is buf's own command of that name. */
export function defineBufCommands(program: Command): void {
  for (const { name, description, examples } of COMMANDS) {
    program
      .command(name)
      .description(`${description} (buf)`)
      .argument('[args...]', `arguments and options of \`buf ${name}\`, which are handed on`)
      .allowUnknownOption()
      .passThroughOptions()
      .addHelpText(
        'after',
        `
Runs the buf that the project has installed, with its output and its exit code: 100 where it
found something. \`inboard ${name} -- --help\` prints buf's own options.

Examples:
${examples.map((example) => `  ${example}`).join('\n')}`,
      )
      .action(async (args: readonly string[]) => {
        const { runBuf } = await import('../actions/buf.ts');
        process.exitCode = await runBuf([name, ...args]);
      });
  }
}
