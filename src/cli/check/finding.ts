import type { ContractProblem } from '../../contract.ts';

/** Something that a check found, and where: its message says what to do, too. */
export interface Finding extends ContractProblem {
  /** Who found it: a rule of buf, or a key of a policy such as `retry.attempts`. */
  readonly rule: string;
}

/** What one step of a check came to. */
export interface StepResult {
  readonly findings: readonly Finding[];
  /** Why it was not done; no findings then. */
  readonly skipped?: string;
}

export function skipped(why: string): StepResult {
  return { findings: [], skipped: why };
}
