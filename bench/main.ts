import { mkdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';

import { choosePinning } from './cores.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { Fleet } from './fleet.ts';
import { runLayers } from './layers.ts';
import { help, type LoadOptions, type Options, parseOptions, UsageError } from './options.ts';
import { runPaired } from './paired.ts';
import { rowNotes } from './peers/rows.ts';
import { runRounds } from './rounds.ts';
import { runTelemetry } from './telemetry.ts';

const exitCodes = { done: 0, barMissed: 1, usage: 2, failed: 3 };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nnpm run bench -- --help tells more\n`);
    return exitCodes.usage;
  }
  if (options.mode === 'help') {
    process.stdout.write(help);
    return exitCodes.done;
  }
  try {
    const environment = describeEnvironment();
    if (options.mode !== 'layers') return await runLoad(options, environment);
    const layers = await runLayers(options.quick);
    writeJson(options.jsonFile, { environment, layers });
    return layers.met ? exitCodes.done : exitCodes.barMissed;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodes.failed;
  }
}

async function runLoad(options: LoadOptions, environment: Environment): Promise<number> {
  const pinning = choosePinning();
  if (options.profileDirectory !== undefined) {
    mkdirSync(options.profileDirectory, { recursive: true });
  }
  process.stdout.write(introduce(options, environment, pinning.note));
  const fleet = new Fleet();
  killOnSignal(fleet);
  try {
    const { mode, schedule } = options;
    const run = { rounds: runRounds, paired: runPaired, telemetry: runTelemetry }[mode];
    const results = await run(options, pinning, fleet);
    await fleet.stop();
    writeJson(options.jsonFile, { environment, pinning: pinning.note, mode, schedule, results });
    return 'met' in results && !results.met ? exitCodes.barMissed : exitCodes.done;
  } finally {
    fleet.kill();
  }
}

/** Children outlive no end of the parent; those of a killed parent see their channel close. */
function killOnSignal(fleet: Fleet): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      fleet.kill();
      process.stderr.write(`\nended by ${signal}\n`);
      process.exit(128 + constants.signals[signal]);
    });
  }
}

function introduce(options: LoadOptions, environment: Environment, pinning: string): string {
  const { schedule } = options;
  const lines = [
    `node ${environment.node}, ${environment.cpu} with ${environment.cores} cores, load ` +
      `${environment.loadAverage.toFixed(2)}, ${environment.date}`,
    pinning,
    `${schedule.rounds} ${options.mode === 'rounds' ? 'rounds' : 'pairs'} of ${schedule.sliceMs} ` +
      'ms slices; absolute figures are of this machine and hour, only ratios mean anything',
    ...options.rows.map((row) => `${row}: ${rowNotes[row]}`),
  ];
  return `${lines.join('\n')}\n`;
}

function writeJson(file: string | undefined, content: object): void {
  if (file === undefined) return;
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
  process.stderr.write(`wrote ${file}\n`);
}
