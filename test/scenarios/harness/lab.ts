import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import { flatness } from './flatness.ts';
import type { LabOptions } from './options.ts';
import { UsageError } from './options.ts';
import { Pool } from './pool.ts';
import { Ports } from './ports.ts';
import { asJson, progressLine, runLines, table } from './report.ts';
import { type Job, Runner } from './runner.ts';
import type { Scenario } from './scenario.ts';
import { judge } from './verdict.ts';

/** Runs scenarios and prints what they came to. Resolves to the exit code. */
export async function runLab(all: readonly Scenario[], options: LabOptions): Promise<number> {
  const chosen = choose(all, options);
  if (options.list) {
    for (const line of describe(chosen)) console.log(line);
    return 0;
  }
  const startMs = performance.now();
  const missing = chosen.filter(({ needs }) => needs !== undefined && !isInstalled(needs));
  for (const { name, needs } of missing)
    console.log(`skipped ${name}: not run because ${needs} is missing`);
  const scenarios = chosen.filter((scenario) => !missing.includes(scenario));
  const pool = new Pool();
  endOnSignal(pool);
  const runner = new Runner(pool, new Ports(), options, {
    started: (job, running, waiting) => {
      process.stderr.write(`${progressLine(job, running, waiting, options.quick)}\n`);
    },
    ended: (result) => console.log(runLines(result).join('\n')),
    again: (result, lateMs) => {
      console.log(`AGAIN   the machine was late by ${lateMs.toFixed(0)} ms during this run:`);
      console.log(runLines(result).join('\n'));
    },
  });
  try {
    const results = await runner.run(jobsOf(scenarios, options));
    const verdicts = scenarios.map((scenario) => judge(scenario, results));
    const flat = flatness([...pool.histories.values()]);
    console.log(['', ...table(verdicts), '', ...flat.lines].join('\n'));
    const problems = [...verdicts.flatMap((verdict) => verdict.problems), ...flat.problems];
    for (const problem of problems) console.log(`FAILED  ${problem}`);
    if (options.jsonFile !== undefined) {
      writeFileSync(
        options.jsonFile,
        `${JSON.stringify(asJson(verdicts, results), undefined, 2)}\n`,
      );
    }
    const passed =
      verdicts.filter((verdict) => verdict.passed).length + (flat.problems.length === 0 ? 1 : 0);
    const failed = verdicts.length + 1 - passed;
    const skips = missing.length === 0 ? '' : `, ${missing.length} skipped`;
    console.log(`The lab took ${((performance.now() - startMs) / 1_000).toFixed(0)} s.`);
    console.log(`${passed} passed, ${failed} failed${skips}`);
    return failed === 0 ? 0 : 1;
  } finally {
    await pool.end();
  }
}

function choose(all: readonly Scenario[], { names, quick }: LabOptions): readonly Scenario[] {
  const unknown = names.find((name) => all.every((scenario) => scenario.name !== name));
  if (unknown !== undefined) {
    const known = all.map(({ name }) => name).join(', ');
    throw new UsageError(`there is no scenario '${unknown}'; there are ${known}`);
  }
  if (names.length > 0) return all.filter(({ name }) => names.includes(name));
  return quick ? all.filter((scenario) => scenario.quick) : all;
}

/** The runs of a scenario stand together, so that its figures come together. */
function jobsOf(scenarios: readonly Scenario[], { seeds, variants }: LabOptions): Job[] {
  return scenarios.flatMap((scenario) =>
    variants.flatMap((variant) =>
      Array.from({ length: variant === 'on' ? seeds : 1 }, (_each, index) => ({
        scenario,
        variant,
        seed: index + 1,
      })),
    ),
  );
}

function describe(scenarios: readonly Scenario[]): string[] {
  return scenarios.flatMap(({ name, title, off, stock, quick }) => [
    `${name}${quick ? ' (also quick)' : ''}`,
    `    ${title}`,
    `    control: ${off.without}`,
    `    stock:   ${stock}`,
  ]);
}

function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

function endOnSignal(pool: Pool): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.stderr.write(`ended by ${signal}\n`);
      void pool.end().finally(() => process.exit(1));
    });
  }
}
