import { lineOfProblem } from '../../contract.ts';
import type { Baseline, NoBaseline } from '../check/baseline.ts';
import { findBaseline } from '../check/baseline.ts';
import type { Finding, StepResult } from '../check/finding.ts';
import { presentImage, presentSources } from '../check/present.ts';
import { runStep } from '../check/steps.ts';
import type { StepName } from '../check-options.ts';
import { STEPS } from '../check-options.ts';
import { EXIT } from '../failure.ts';
import { print, withProgress } from '../output.ts';

export interface CheckOptions {
  readonly output: 'table' | 'json' | 'github-actions';
  readonly against?: string;
  readonly tags: string;
  readonly only?: readonly StepName[];
  readonly skip: readonly StepName[];
  readonly template: readonly string[];
  readonly excludePath: readonly string[];
  readonly allowDeprecatedRemoval?: true;
}

interface StepReport extends StepResult {
  readonly name: string;
}

/** Checks contracts, and sets the exit code: 100 where it found something. */
export async function check(image: string | undefined, options: CheckOptions): Promise<void> {
  const reports: StepReport[] = [];
  const report = async (step: StepReport): Promise<void> => {
    reports.push(step);
    if (options.output !== 'json') await print(textOf(step, options.output));
  };
  const baseline = await runSteps(image, options, report);
  const found = reports.reduce((sum, { findings }) => sum + findings.length, 0);
  if (options.output === 'json') await print(jsonOf(reports, found, baseline));
  else await print(summary(found, baseline));
  if (found > 0) process.exitCode = EXIT.found;
}

async function runSteps(
  image: string | undefined,
  options: CheckOptions,
  report: (step: StepReport) => Promise<void>,
): Promise<Baseline | NoBaseline | undefined> {
  const names = (options.only ?? STEPS).filter((name) => !options.skip.includes(name));
  const reading = image === undefined ? presentSources() : presentImage(image);
  const present = await withProgress('buf builds the contracts', reading);
  if (!('input' in present)) {
    await report({ name: 'build', findings: present });
    return undefined;
  }
  const baseline = await withProgress('reading what to compare with', findBaseline(options));
  const { template: templates, excludePath: excluded } = options;
  const allowDeprecatedRemoval = options.allowDeprecatedRemoval === true;
  for (const name of STEPS.filter((step) => names.includes(step))) {
    const result = runStep(name, {
      present,
      baseline,
      templates,
      excluded,
      allowDeprecatedRemoval,
    });
    await report({ name, ...(await withProgress(name, result)) });
  }
  return baseline;
}

const WIDTH = 10;

function textOf({ name, findings, skipped }: StepReport, output: CheckOptions['output']): string {
  if (skipped !== undefined) return `skipped ${name.padEnd(WIDTH)}${skipped}`;
  if (findings.length === 0) return `ok      ${name}`;
  const lines = findings.map(output === 'github-actions' ? annotation : lineOf);
  return [`FAILED  ${name}`, ...lines].join('\n');
}

function lineOf(finding: Finding): string {
  return `  ${lineOfProblem(finding)} (${finding.rule})`;
}

/** A workflow command that GitHub shows beside the line in a pull request. */
function annotation({ file, line, column, rule, message }: Finding): string {
  const place = `file=${property(file)},line=${line},col=${column},title=${property(rule)}`;
  return `::error ${place}::${data(message)}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

function summary(found: number, baseline: Baseline | NoBaseline | undefined): string {
  const findings = found === 1 ? '1 finding' : `${found} findings`;
  if (baseline === undefined) return findings;
  if ('name' in baseline) return `${findings}, compared with ${baseline.name}`;
  return `${findings}; nothing to compare with: ${baseline.none}\n  ${baseline.remedy}`;
}

function jsonOf(
  steps: readonly StepReport[],
  findings: number,
  baseline: Baseline | NoBaseline | undefined,
): string {
  const named = baseline !== undefined && 'name' in baseline;
  const noBaseline = baseline === undefined || named ? {} : { noBaseline: baseline };
  return JSON.stringify({ baseline: named ? baseline.name : null, ...noBaseline, findings, steps });
}
