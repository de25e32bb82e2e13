/**
 * Contracts as descriptors, for tools: what their options say of policy, what of it makes no sense,
 * what changed between two of them, and what holds for a method in the end.
 */
export type { MethodPolicySources } from './config/effective-policy.ts';
export type { PolicyRow, PolicyValue } from './config/explain.ts';
export { explainPolicy } from './config/explain.ts';
export type { PolicyOrigin } from './config/merge.ts';
export type { Contract, ContractMethod, ReadContractOptions } from './contract/contract.ts';
export type { ContractProblem, Place } from './contract/places.ts';
export { byPlace, lineOfProblem } from './contract/places.ts';
export type { PolicyChange } from './contract/policy-diff.ts';
export { diffPolicies } from './contract/policy-diff.ts';
export type { MethodSide, PolicyDiffRule } from './contract/policy-diff-rules.ts';
export { POLICY_DIFF_RULES } from './contract/policy-diff-rules.ts';
export { readContract } from './contract/read-contract.ts';
export { fileNames } from './contract/file-names.ts';
export { methodsOf } from './core/definition.ts';
export type { ServiceDefinition } from './core/definition.ts';
export type { Method, MethodFacts } from './core/method.ts';
