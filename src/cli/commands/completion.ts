import type { Command } from 'commander';
import { Argument } from 'commander';

export function defineCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  source <(inboard completion bash)                                  # in ~/.bashrc
  source <(inboard completion zsh)                                   # in ~/.zshrc, after compinit
  inboard completion fish > ~/.config/fish/completions/inboard.fish`,
    )
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('../actions/completion.ts');
      const { print } = await import('../output.ts');
      await print(completionScript(program, shell));
    });
}
