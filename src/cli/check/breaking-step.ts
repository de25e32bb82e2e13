import { basename, dirname, join, posix } from 'node:path';

import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import { captureBuf } from '../buf-process.ts';
import { breakingAdvice } from './advice.ts';
import { findingsOf, quotedIn } from './buf-findings.ts';
import type { Finding, StepResult } from './finding.ts';
import type { Present } from './present.ts';

/**
 * What `buf breaking` finds, by the rules of `buf.yaml`. `baseline`: a file with the image.
 *
 * Left to the policy step is RPC_SAME_IDEMPOTENCY_LEVEL: to buf a level that is added breaks
 * callers as much as one that is dropped.
 */
export async function checkBreaking(
  { input, descriptors, fileName }: Present,
  baseline: string,
): Promise<StepResult> {
  const args = ['breaking', input, '--against', baseline, '--error-format', 'json'];
  const found = findingsOf('breaking', await captureBuf(args), breakingAdvice);
  const findings = found.filter(
    (finding) => finding.rule !== 'RPC_SAME_IDEMPOTENCY_LEVEL' && !isThere(finding, descriptors),
  );
  return { findings: findings.map((finding) => named(finding, descriptors, fileName)) };
}

/** A file that is gone stood where those of its folder are. */
function named(
  finding: Finding,
  { file }: FileDescriptorSet,
  fileName: Present['fileName'],
): Finding {
  if (finding.rule !== 'FILE_NO_DELETE') return finding;
  const folder = posix.dirname(finding.file);
  const beside = file.find(({ name }) => posix.dirname(name) === folder);
  if (beside === undefined) return finding;
  return { ...finding, file: join(dirname(fileName(beside.name)), basename(finding.file)) };
}

/**
 * Of several modules buf compares each one with the whole image, and takes for deleted what stands
 * in the others.
 */
function isThere({ rule, message }: Finding, { file }: FileDescriptorSet): boolean {
  const name = quotedIn(message);
  if (rule === 'FILE_NO_DELETE') return file.some((one) => one.name === name);
  return rule === 'PACKAGE_NO_DELETE' && file.some((one) => one.package === name);
}
