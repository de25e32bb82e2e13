import { DevLoop } from '../dev/dev-loop.ts';
import { Generation } from '../dev/generation.ts';
import type { DevOptions } from '../dev/plan.ts';
import { checkProject, codeFolders, contractFolders, findEntry, findTypes } from '../dev/plan.ts';
import { makeReport } from '../dev/report.ts';
import { ServerProcess } from '../dev/server-process.ts';
import { EXIT } from '../failure.ts';

/** A terminal's Ctrl-C comes once from it and once more from npm, where npm has started this. */
const SAME_PRESS_MS = 300;

/** Generates, checks and starts a server, and again after each change; until a signal. */
export async function dev(
  named: string | undefined,
  args: readonly string[],
  options: DevOptions,
): Promise<void> {
  await checkProject();
  const entry = await findEntry(named);
  const code = await codeFolders(entry, options);
  const quiet = options.output === 'json';
  const report = makeReport(quiet);
  const types = await findTypes(options, report);
  const server = new ServerProcess({ entry, args, graceMs: options.grace, quiet }, report);
  endOnSignals(server);
  await new DevLoop({
    generation: new Generation(options.proto),
    types,
    server,
    report,
    code,
    contracts: () => contractFolders(options),
  }).run(entry);
}

/** In place of the handlers that all commands have: the server may drain. */
function endOnSignals(server: ServerProcess): void {
  const codes = [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
    ['SIGHUP', EXIT.hungUp],
  ] as const;
  let askedAt: number | undefined;
  for (const [signal, code] of codes) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      const now = performance.now();
      if (askedAt !== undefined && now - askedAt < SAME_PRESS_MS) return;
      // Whatever still runs is killed with this process.
      if (askedAt !== undefined || server.pid === undefined) process.exit(code);
      askedAt = now;
      void server.end().then(() => process.exit(code));
    });
  }
}
