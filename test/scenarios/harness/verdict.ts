import type { JobResult } from './runner.ts';
import {
  type Check,
  isMet,
  type Outcome,
  type Scenario,
  type Variant,
  worstOf,
} from './scenario.ts';

/** What all runs of a scenario came to. */
export interface Verdict {
  readonly scenario: Scenario;
  readonly passed: boolean;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** The worst of the seeds, check by check; undefined where a variant was not run. */
  readonly worst: Readonly<Record<Variant, readonly Check[] | undefined>>;
}

/** Judges a scenario: every seed meets every bar, and the control misses those it must miss. */
export function judge(scenario: Scenario, results: readonly JobResult[]): Verdict {
  const own = results.filter((result) => result.scenario === scenario);
  const problems = own.flatMap((result) => problemsOf(result));
  const worst = (variant: Variant): readonly Check[] | undefined => {
    const outcomes = outcomesOf(own, variant);
    return outcomes.length === 0 ? undefined : worstOf(outcomes);
  };
  return {
    scenario,
    passed: problems.length === 0,
    problems,
    worst: { on: worst('on'), off: worst('off'), stock: worst('stock') },
  };
}

function problemsOf(result: JobResult): string[] {
  const { scenario, variant, seed } = result;
  const run = `${scenario.name}, ${variant}, seed ${seed}`;
  if ('error' in result) return [`${run}: the run broke: ${result.error.message}`];
  const { checks } = result.outcome;
  if (variant === 'on') {
    const missed = checks.filter((check) => !isMet(check));
    return missed.map(({ name }) => `${run}: the bar is missed: ${name}`);
  }
  if (variant === 'stock') return [];
  return scenario.off.fails
    .filter((name) => checks.every((check) => check.name !== name || isMet(check)))
    .map((name) => `${run}: the control does not fail: ${name}`);
}

function outcomesOf(results: readonly JobResult[], variant: Variant): Outcome[] {
  return results.flatMap((result) =>
    result.variant === variant && 'outcome' in result ? [result.outcome] : [],
  );
}
