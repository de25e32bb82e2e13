import { effectiveMethodPolicy } from '../config/effective-policy.ts';
import type { ContractMethod, ReadContractOptions } from './contract.ts';
import type { ContractProblem } from './places.ts';
import { byPlace } from './places.ts';
import type { MethodSide, PolicyDiffRule } from './policy-diff-rules.ts';
import { POLICY_DIFF_RULES } from './policy-diff-rules.ts';
import { readContract } from './read-contract.ts';
import { optionName } from './read-option.ts';

/** A change of policy that takes from callers what they had. */
export interface PolicyChange extends ContractProblem {
  /** `package.Service/Method`. */
  readonly method: string;
  /** Dotted, such as `retry.attempts`: that of a rule. */
  readonly key: string;
}

/**
 * The breaking changes of policy between two descriptor sets, by `POLICY_DIFF_RULES`, in the order
 * of the new one's files and lines, which is where they stand. `buf breaking` sees none of them, as
 * it does not read options. Throws a ConfigError for what is no descriptor set.
 */
export function diffPolicies(
  before: Uint8Array,
  after: Uint8Array,
  options: ReadContractOptions = {},
): readonly PolicyChange[] {
  const present = readContract(after, options).methods;
  const past = new Map(readContract(before).methods.map((method) => [method.fullName, method]));
  const changes = present.flatMap((method) => {
    const was = past.get(method.fullName);
    return was === undefined ? [] : changesOf(method, sideOf(was), sideOf(method));
  });
  return changes.toSorted(byPlace);
}

function changesOf(method: ContractMethod, was: MethodSide, is: MethodSide): PolicyChange[] {
  return POLICY_DIFF_RULES.filter((rule) => rule.broken(was, is)).map((rule) => {
    const { key, consequence } = rule;
    const kept = rule.shown(was);
    const advice = kept === 'none' ? 'leave it out' : rule.advice.replace('{}', kept);
    const name = key === 'idempotent' ? 'idempotency_level' : optionName(key);
    const message =
      `${name} of ${method.fullName} was ${shown(rule, was)} and is ${shown(rule, is)}: ` +
      `${consequence}; ${advice}`;
    return { ...method.placeOf(key), method: method.fullName, key, message };
  });
}

function shown(rule: PolicyDiffRule, side: MethodSide): string {
  const value = rule.shown(side);
  const byDefault = side.sources[rule.key] === 'default' && value !== 'none';
  return byDefault && rule.key !== 'idempotent' ? `${value} (the default)` : value;
}

function sideOf(method: ContractMethod): MethodSide {
  return { ...effectiveMethodPolicy(method, {}), level: method.idempotency };
}
