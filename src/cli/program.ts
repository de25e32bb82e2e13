import { Command } from 'commander';

import { VERSION } from '../core/version.ts';
import { defineBufCommands } from './commands/buf.ts';
import { defineCall } from './commands/call.ts';
import { defineCheck } from './commands/check.ts';
import { defineCompletion } from './commands/completion.ts';
import { defineDeprecations } from './commands/deprecations.ts';
import { defineDescribe } from './commands/describe.ts';
import { defineDev } from './commands/dev.ts';
import { defineExplain } from './commands/explain.ts';
import { defineHealth } from './commands/health.ts';
import { defineList } from './commands/list.ts';
import { defineNew } from './commands/new.ts';
import { definePublish } from './commands/publish.ts';
import { defineTop } from './commands/top.ts';

const FOOTER = `
Exit codes:
  0       it worked
  1       it did not: a service that is not serving, a tool that is missing
  2       a wrong option, argument, file or target; nothing was tried
  64+n    a call ended with the gRPC status n, such as 78 for UNAVAILABLE (14)
  100     something was found: check, lint, breaking, format --exit-code, deprecations --fail-if-used
  130     Ctrl-C (143: SIGTERM)

Examples:
  inboard new shop
  inboard list --target localhost:50051
  inboard describe orders.v1.OrdersService --target localhost:50051
  inboard call orders.v1.OrdersService/GetOrder -d '{"id": "a"}' --target localhost:50051
  inboard health --target localhost:50051
  inboard dev

Each command has examples of its own: inboard COMMAND --help`;

/**
 * The commands and their options. Only these: what a command does is loaded when it runs, so that
 * help and completion answer at once.
 */
export function makeProgram(): Command {
  const program = new Command('inboard');
  program
    .description('Makes, calls, inspects and checks gRPC services and their contracts.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(--help has examples)')
    // Where `inboard lint` hands options on, ours come before the command's name.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(suggestDashes(text, program)) })
    .exitOverride()
    .addHelpText('after', FOOTER);
  defineNew(program);
  defineDev(program);
  defineList(program);
  defineDescribe(program);
  defineCall(program);
  defineExplain(program);
  defineHealth(program);
  defineTop(program);
  defineDeprecations(program);
  defineCheck(program);
  definePublish(program);
  defineBufCommands(program);
  defineCompletion(program);
  for (const command of program.commands) {
    command.addHelpText('after', '\nExit codes: inboard --help');
  }
  return program;
}

/** Who is used to tools in Go, such as grpcurl, writes `-plaintext`. */
function suggestDashes(text: string, program: Command): string {
  return text.replace(/unknown option '-(\w[\w-]+)'/, (whole, name: string) => {
    const known = program.commands.flatMap(({ options }) => options.map(({ long }) => long));
    return known.includes(`--${name}`) ? `${whole}\n(Did you mean --${name}?)` : whole;
  });
}
