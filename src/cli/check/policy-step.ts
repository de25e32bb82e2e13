import { diffPolicies } from '../../contract.ts';
import type { Baseline } from './baseline.ts';
import type { StepResult } from './finding.ts';
import type { Present } from './present.ts';
import { bytesOf } from './present.ts';

/** Changes of policy that break callers, by `POLICY_DIFF_RULES`: buf does not see options. */
export function checkPolicy({ descriptors, fileName }: Present, baseline: Baseline): StepResult {
  const changes = diffPolicies(bytesOf(baseline.descriptors), bytesOf(descriptors), { fileName });
  return { findings: changes.map((change) => ({ ...change, rule: change.key })) };
}
