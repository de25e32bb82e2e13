import type { Validator } from '../../generated/policy/validators.ts';
import {
  validateChannelPolicy,
  validateDocument,
  validateMethodPolicy,
} from '../../generated/policy/validators.ts';
import type { MethodDefinition } from '../core/definition.ts';
import { ConfigError } from '../core/errors.ts';
import type { MethodPolicy } from '../policies/policy.ts';
import {
  contradictionsOfChannel,
  contradictionsOfDocument,
  contradictionsOfMethod,
} from './contradictions.ts';
import { explainSchemaErrors } from './explain-schema-errors.ts';
import type { Finding } from './findings.ts';
import { dotted } from './findings.ts';
import { listLines } from './policy-error.ts';

/** Of a text that is something else altogether, no more errors are told than this. */
const MOST_ERRORS = 100;

/**
 * Checks a policy of methods that code gives, as a JavaScript program may give anything. Throws a
 * ConfigError that names every wrong key.
 * `where`: what the policy was given as, e.g. `methods.getOrder`.
 */
export function checkMethodPolicy(where: string, policy: MethodPolicy): void {
  const found = [
    ...bySchema(validateMethodPolicy, policy, []),
    ...contradictionsOfMethod(policy, []),
  ];
  refuse(where, found);
}

/** The tag of policy.proto's option in what ts-proto alone leaves undecoded. */
const UNDECODED = (78_432 << 3) | 2;

/**
 * Checks what generated code says of a method's policy. Throws a ConfigError for what this version
 * does not know, and for policies that the code generator has not written out: they would count for
 * nothing.
 * `where`: which method this is.
 */
export function checkContractPolicy(where: string, method: MethodDefinition): void {
  const { policy, options } = method;
  const { _unknownFields: unknown = {} } = options;
  if (policy !== undefined) checkMethodPolicy(`the contract of ${where}`, policy);
  if (!Object.hasOwn(unknown, UNDECODED)) return;
  throw new ConfigError(
    `the contract of ${where} has a policy that ts-proto alone cannot write; ` +
      'generate with protoc-gen-inboard: `local: protoc-gen-inboard` in buf.gen.yaml',
  );
}

/** What the schema finds wrong with what should be a MethodPolicy. */
export function findingsOfMethodPolicy(policy: unknown): Finding[] {
  return bySchema(validateMethodPolicy, policy, []);
}

/**
 * Checks the policy among the options of a channel.
 * `otherKeys`: the options that are no policy, which are left alone.
 */
export function checkChannelPolicy(options: object, otherKeys: readonly string[] = []): void {
  const policy = Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) =>
        !otherKeys.includes(key) && !(key === 'balancer' && typeof value === 'function'),
    ),
  );
  const found = [
    ...bySchema(validateChannelPolicy, policy, otherKeys),
    ...contradictionsOfChannel(policy, []),
  ];
  refuse('', found);
}

/** All that is wrong with what should be a PolicyDocument. */
export function findingsOfDocument(document: unknown): Finding[] {
  return [...bySchema(validateDocument, document, []), ...contradictionsOfDocument(document)];
}

function bySchema(validate: Validator, data: unknown, otherKeys: readonly string[]): Finding[] {
  if (validate(data)) return [];
  return explainSchemaErrors((validate.errors ?? []).slice(0, MOST_ERRORS), otherKeys);
}

function refuse(where: string, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const top = where === '' ? [] : where.split('.');
  const lines = findings.map(({ path, message }) => `${dotted([...top, ...path])} ${message}`);
  throw new ConfigError(listLines(lines));
}
