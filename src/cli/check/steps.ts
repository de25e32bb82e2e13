import { captureBuf } from '../buf-process.ts';
import type { StepName } from '../check-options.ts';
import { lintAdvice } from './advice.ts';
import type { Baseline, NoBaseline } from './baseline.ts';
import { checkBreaking } from './breaking-step.ts';
import { findingsOf } from './buf-findings.ts';
import type { StepResult } from './finding.ts';
import { skipped } from './finding.ts';
import { checkFormat } from './format-step.ts';
import { checkGenerated } from './generated-step.ts';
import { checkPolicy } from './policy-step.ts';
import type { Present } from './present.ts';

/** Why is told once, below all steps. */
const NO_BASELINE = 'no baseline yet';

/** What the steps look at. */
export interface Subject {
  readonly present: Present;
  readonly baseline: Baseline | NoBaseline;
  readonly templates: readonly string[];
  /** Left out of the format. */
  readonly excluded: readonly string[];
  readonly allowDeprecatedRemoval: boolean;
}

export async function runStep(name: StepName, subject: Subject): Promise<StepResult> {
  if (name === 'breaking' || name === 'policy') return compare(name, subject);
  const { present, templates, excluded } = subject;
  if (!present.sources) return skipped(`${present.input} is an image, which has no sources`);
  if (name === 'lint') return lint();
  return name === 'format' ? checkFormat(excluded) : checkGenerated(templates);
}

async function compare(
  name: 'breaking' | 'policy',
  { present, baseline, allowDeprecatedRemoval }: Subject,
): Promise<StepResult> {
  if ('none' in baseline) return skipped(NO_BASELINE);
  if (name === 'policy') return checkPolicy(present, baseline);
  return checkBreaking(present, baseline, { allowDeprecatedRemoval });
}

async function lint(): Promise<StepResult> {
  const run = await captureBuf(['lint', '--error-format', 'json']);
  return { findings: findingsOf('lint', run, lintAdvice) };
}
