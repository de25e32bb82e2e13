import { estimateSeconds, isAsItMustBe, type Job, type JobResult } from './runner.ts';
import { barOf, type Check, figure, isMet, shown, type Variant } from './scenario.ts';
import type { Verdict } from './verdict.ts';

const WORDS: Readonly<Record<Variant, string>> = {
  on: 'inboard',
  off: 'feature off',
  stock: 'stock grpc-js',
};

/** One line of figures, and below it what helps to understand them. */
export function runLines(result: JobResult): string[] {
  const { scenario, variant, seed, tookMs } = result;
  const name = `${scenario.name} · ${WORDS[variant]} · seed ${seed} · ${(tookMs / 1_000).toFixed(0)} s`;
  if ('error' in result) return [`BROKE   ${name}: ${result.error.message}`];
  const { checks, notes } = result.outcome;
  const mark = markOf(result);
  const text = checks.map((check) => `${isMet(check) ? '' : '✗ '}${shown(check)}`).join('; ');
  return [`${mark.padEnd(7)} ${name}: ${text}`, ...notes.map((note) => `          ${note}`)];
}

/** What a line begins with: whether that is as it must be. */
function markOf(result: JobResult): string {
  if (result.variant === 'stock') return 'stock';
  const good = isAsItMustBe(result);
  if (result.variant === 'on') return good ? 'ok' : 'MISSED';
  return good ? 'control' : 'NO-FAIL';
}

/** What runs, and how much is left; for people who wait. */
export function progressLine(
  job: Job,
  running: readonly Job[],
  waiting: readonly Job[],
  quick: boolean,
): string {
  const left = estimateSeconds([...running, ...waiting], quick);
  const name = `${job.scenario.name} ${WORDS[job.variant]} seed ${job.seed}`;
  return `… ${name} (${running.length} running, ${waiting.length} waiting, about ${left.toFixed(0)} s left)`;
}

/** The final table: the worst of all seeds, and the one run of each other column. */
export function table(verdicts: readonly Verdict[]): string[] {
  const rows = verdicts.flatMap(({ scenario, worst, passed }) =>
    (worst.on ?? worst.off ?? worst.stock ?? []).map((check, index) => [
      index === 0 ? `${passed ? 'ok' : 'FAILED'} ${scenario.name}` : '',
      check.name,
      cell(worst.on, check.name),
      cell(worst.off, check.name),
      cell(worst.stock, check.name),
      barOf(check),
    ]),
  );
  const header = ['scenario', 'figure', 'inboard', 'feature off', 'stock grpc-js', 'bar'];
  return aligned([header, ...rows]);
}

function cell(checks: readonly Check[] | undefined, name: string): string {
  const check = checks?.find((each) => each.name === name);
  return check === undefined ? '' : figure(check);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(' | ')
      .trimEnd(),
  );
}

/** The same as data, for the README's table. */
export function asJson(verdicts: readonly Verdict[], results: readonly JobResult[]): object {
  return {
    scenarios: verdicts.map(({ scenario, passed, problems, worst }) => {
      const { name, title, off, stock } = scenario;
      return { name, title, passed, problems, without: off.without, stock, worst };
    }),
    runs: results.map((result) => ({
      scenario: result.scenario.name,
      variant: result.variant,
      seed: result.seed,
      seconds: Math.round(result.tookMs / 100) / 10,
      ...('error' in result ? { error: result.error.message } : result.outcome),
    })),
  };
}
