/**
 * How long the command line takes to answer: `node bench/start-up.ts [--rounds N]`.
 *
 * `inboard --help` and a Node that does nothing are started in turn, so that what slows one of them
 * down slows both. Their difference is what this project adds. Exits with 1 over the bar.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import type { Spread } from './stats.ts';
import { spread } from './stats.ts';
import { figure, formatTable } from './table.ts';

const BAR_MS = 300;
const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '21' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`--rounds takes a whole number from 1, not '${values.rounds}'\n`);
  process.exit(2);
}

function timeMs(args: readonly string[]): number {
  const begin = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} exited with ${status}`);
  return performance.now() - begin;
}

const empty: number[] = [];
const help: number[] = [];
// The first round fills the caches.
for (let round = 0; round <= rounds; round++) {
  const times = [timeMs(['-e', '0']), timeMs([MAIN, '--help'])] as const;
  if (round === 0) continue;
  empty.push(times[0]);
  help.push(times[1]);
}

function line(name: string, { min, median, max }: Spread): string[] {
  return [name, figure(median), `(${figure(min)} – ${figure(max)})`];
}

const answered = spread(help);
const table = formatTable([
  ['ms', 'median', '(min – max)'],
  line('node -e 0', spread(empty)),
  line('inboard --help, from its sources', answered),
]);
const met = answered.median < BAR_MS;
process.stdout.write(`${table}${rounds} rounds; asked < ${BAR_MS} ms: `);
process.stdout.write(`${met ? 'met' : 'MISSED'}\n`);
process.exitCode = met ? 0 : 1;
