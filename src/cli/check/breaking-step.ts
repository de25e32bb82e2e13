import { writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';

import { createFileRegistry } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import { lineOfProblem } from '../../contract.ts';
import { captureBuf } from '../buf-process.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';
import { breakingAdvice } from './advice.ts';
import type { Baseline } from './baseline.ts';
import { findingsOf, quotedIn } from './buf-findings.ts';
import type { Finding, StepResult } from './finding.ts';
import { letGo } from './let-go.ts';
import type { Present } from './present.ts';
import { bytesOf } from './present.ts';

/**
 * What `buf breaking` finds, by the rules of `buf.yaml`. What is gone and was deprecated is told as
 * such, or not at all where that is allowed.
 *
 * Left to the policy step is RPC_SAME_IDEMPOTENCY_LEVEL: to buf a level that is added breaks
 * callers as much as one that is dropped.
 */
export async function checkBreaking(
  present: Present,
  baseline: Baseline,
  { allowDeprecatedRemoval }: { readonly allowDeprecatedRemoval: boolean },
): Promise<StepResult> {
  const findings = await compare(present, baseline);
  if (findings.length === 0) return { findings };
  const left = { ...baseline, descriptors: letGo(baseline.descriptors, present.descriptors) };
  if (allowDeprecatedRemoval) return { findings: await compare(present, left) };
  const others = new Set((await compare(present, left)).map(lineOfProblem));
  return {
    findings: findings.map((finding) =>
      others.has(lineOfProblem(finding)) ? finding : withAdvice(finding, DEPRECATED),
    ),
  };
}

const DEPRECATED =
  'it was deprecated: once nobody uses it (inboard deprecations), check with ' +
  '--allow-deprecated-removal';

/** In place of what is to be done about it otherwise. */
function withAdvice(finding: Finding, advice: string): Finding {
  return { ...finding, message: finding.message.replace(/; .*$/s, `; ${advice}`) };
}

async function compare(present: Present, baseline: Baseline): Promise<Finding[]> {
  return withTemporaryFolder('check', async (folder) => {
    const image = join(folder, 'baseline.binpb');
    await writeFile(image, bytesOf(baseline.descriptors));
    return compareWith(image, present, baseline);
  });
}

/** `image`: a file with the baseline. */
async function compareWith(
  image: string,
  { input, descriptors, fileName }: Present,
  baseline: Baseline,
): Promise<Finding[]> {
  const args = ['breaking', input, '--against', image, '--error-format', 'json'];
  const found = findingsOf('breaking', await captureBuf(args), breakingAdvice);
  const isThere = presenceIn(descriptors);
  const findings = found.filter(
    (finding) => finding.rule !== 'RPC_SAME_IDEMPOTENCY_LEVEL' && !isThere(finding),
  );
  const place = (finding: Finding): Finding => ({
    ...finding,
    file: fileOf(finding, baseline.descriptors) ?? finding.file,
  });
  return findings.map((finding) => named(place(finding), descriptors, fileName));
}

/** Rules whose findings have no file, for what they miss is gone from the package. */
const GONE_FROM_PACKAGE = /^PACKAGE_(?:\w+_)?NO_DELETE$/;

/** The file in which that stood, by its name in the baseline. */
function fileOf({ rule, message }: Finding, baseline: FileDescriptorSet): string | undefined {
  if (!GONE_FROM_PACKAGE.test(rule)) return undefined;
  const name = quotedIn(message);
  if (rule === 'PACKAGE_NO_DELETE') return baseline.file.find((one) => one.package === name)?.name;
  return createFileRegistry(baseline).get(fullNameIn(message))?.file.proto.name;
}

/** Of `… enum "Kind" was deleted from package "shop.v1"`. */
function fullNameIn(message: string): string {
  const [name, inPackage] = [...message.matchAll(/"([^"]*)"/g)].map(([, quoted]) => quoted);
  return `${inPackage}.${name}`;
}

/** As a person opens it. A file that is gone stood where those of its folder are. */
function named(
  finding: Finding,
  { file }: FileDescriptorSet,
  fileName: Present['fileName'],
): Finding {
  if (finding.rule !== 'FILE_NO_DELETE' && !GONE_FROM_PACKAGE.test(finding.rule)) return finding;
  if (file.some(({ name }) => name === finding.file)) {
    return { ...finding, file: fileName(finding.file) };
  }
  const folder = posix.dirname(finding.file);
  const beside = file.find(({ name }) => posix.dirname(name) === folder);
  if (beside === undefined) return finding;
  return { ...finding, file: join(dirname(fileName(beside.name)), basename(finding.file)) };
}

/**
 * Of several modules buf compares each one with the whole image, and takes for deleted what stands
 * in the others.
 */
function presenceIn(descriptors: FileDescriptorSet): (finding: Finding) => boolean {
  const { file } = descriptors;
  const registry = createFileRegistry(descriptors);
  return ({ rule, message }) => {
    const name = quotedIn(message);
    if (rule === 'FILE_NO_DELETE') return file.some((one) => one.name === name);
    if (rule === 'PACKAGE_NO_DELETE') return file.some((one) => one.package === name);
    return GONE_FROM_PACKAGE.test(rule) && registry.get(fullNameIn(message)) !== undefined;
  };
}
