import type { PolicyDocument } from '../policies/policy.ts';
import { findingsOfDocument } from './check-policy.ts';
import type { Finding } from './findings.ts';
import { dotted } from './findings.ts';
import type { PolicyProblem } from './policy-error.ts';
import { PolicyError } from './policy-error.ts';
import { looksLikeServiceConfig, readServiceConfig } from './service-config.ts';
import { readYaml } from './yaml-text.ts';

/** No policy is longer than this, in bytes. */
export const MAX_POLICY_BYTES: number = 1024 * 1024;

/** How a policy's text is read. */
export interface ParsePolicyOptions {
  /** What messages call the text. */
  readonly file: string;
  /** Hears of what is valid and without effect, as a gRPC service config may have it. */
  readonly onWarning?: (warning: PolicyProblem) => void;
}

/**
 * Reads a policy in YAML or JSON, or a gRPC service config, and checks all of it. Throws a
 * PolicyError that lists everything wrong in it, each by line and key.
 */
export function parsePolicy(text: string, options: ParsePolicyOptions): PolicyDocument {
  const { file, onWarning } = options;
  const atTop = { file, line: 1, column: 1, key: '' };
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new PolicyError([{ ...atTop, message: 'is larger than 1 MiB; make it smaller' }]);
  }
  const yaml = readYaml(text);
  if (!('locate' in yaml)) {
    throw new PolicyError(
      yaml.map(({ path = [], ...problem }) => ({ file, key: dotted(path), ...problem })),
    );
  }
  const { data } = yaml;
  if (data === null) {
    throw new PolicyError([{ ...atTop, message: 'is empty; write {} for a policy of nothing' }]);
  }
  const { document, findings, warnings } = read(data);
  const problem = (finding: Finding): PolicyProblem => {
    const { path, message } = finding;
    return { file, ...yaml.locate(finding), key: dotted(path), message };
  };
  if (findings.length > 0) throw new PolicyError(findings.map(problem).toSorted(byPlace));
  if (onWarning !== undefined) warnings.map(problem).toSorted(byPlace).forEach(onWarning);
  return deepFreeze(document);
}

interface Reading {
  readonly document: PolicyDocument;
  readonly findings: readonly Finding[];
  readonly warnings: readonly Finding[];
}

function read(data: unknown): Reading {
  if (looksLikeServiceConfig(data)) {
    const log = { findings: [], warnings: [] };
    return { document: readServiceConfig(data, log), ...log };
  }
  const findings = findingsOfDocument(data);
  // Said to editors; no part of the policy.
  const { $schema: _, ...document } = Object(data) as PolicyDocument & { $schema?: string };
  return { document, findings, warnings: [] };
}

function byPlace(a: PolicyProblem, b: PolicyProblem): number {
  return a.line - b.line || a.column - b.column;
}

/** Many clients read one document: none of them may change it for the others. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
