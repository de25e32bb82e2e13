import { CommanderError } from 'commander';

import { CliFailure, EXIT } from './failure.ts';
import { note } from './output.ts';
import { makeProgram } from './program.ts';

/** Runs one command line and ends the process. Nothing that goes wrong shows a stack trace. */
export async function main(args: readonly string[]): Promise<void> {
  // At once, whatever is under way; who holds a terminal or a child lets go on 'exit'.
  process.on('SIGINT', () => process.exit(EXIT.interrupted));
  process.on('SIGTERM', () => process.exit(EXIT.terminated));
  process.on('SIGHUP', () => process.exit(EXIT.hungUp));
  process.on('uncaughtException', (error) => process.exit(report(error, args)));
  process.stdout.on('error', quitWithReader);
  // What nobody reads there is no reason to leave work half done.
  process.stderr.on('error', () => {});
  process.exitCode = await run(args);
  // Whatever still waits, such as a terminal's input, waits for nobody now.
  process.stdout.write('', () => process.exit());
}

async function run(args: readonly string[]): Promise<number> {
  try {
    await makeProgram().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    return report(error, args);
  }
}

/** `inboard list | head -1`: the reader has had enough, which is no failure. */
function quitWithReader(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failure);
}

function report(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError) return usageExit(error);
  const failure = toFailure(error);
  const { message, hint, exitCode, fields } = failure;
  if (wantsJson(args)) {
    const shown = { ...fields, message, ...(hint === undefined ? {} : { hint }), exitCode };
    note(JSON.stringify({ error: shown }));
  } else {
    note(`inboard: ${message}`);
    if (hint !== undefined) note(`  ${hint.replaceAll('\n', '\n  ')}`);
  }
  return exitCode;
}

/** commander has said what was wrong already. */
function usageExit({ code }: CommanderError): number {
  const asked = ['commander.helpDisplayed', 'commander.version'];
  return asked.includes(code) ? EXIT.ok : EXIT.usage;
}

function toFailure(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  // By its name: to import its class is to load the whole library.
  const isUsage = error instanceof Error && ['ConfigError', 'PolicyError'].includes(error.name);
  return new CliFailure(message, isUsage ? { exitCode: EXIT.usage } : {});
}

/** Looked up in the raw words, for they may be wrong before they are parsed. */
function wantsJson(args: readonly string[]): boolean {
  return args.some((arg, index) => {
    if (arg === '-ojson' || arg === '--output=json') return true;
    return (arg === '-o' || arg === '--output') && args[index + 1] === 'json';
  });
}
