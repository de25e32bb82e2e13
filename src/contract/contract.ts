import type { MethodFacts } from '../core/method.ts';
import type { MethodPolicy } from '../policies/policy.ts';
import type { ContractProblem, Place } from './places.ts';

/** A method as its contract has it: all that a client's policy depends on. */
export interface ContractMethod extends MethodFacts {
  /** `package.Service/Method`. */
  readonly fullName: string;
  /** What the options of the method and of its service say together. */
  readonly policy: MethodPolicy | undefined;
  /**
   * Where a value of the policy stands, by dotted key such as `retry.attempts`, or `idempotent`.
   * Where it is said nowhere: the method's option, else the method itself.
   */
  placeOf(key: string): Place;
}

/** What descriptors say of services and their policies. */
export interface Contract {
  readonly methods: readonly ContractMethod[];
  /** What makes no sense in them, in the order of files and lines; empty where all is well. */
  readonly problems: readonly ContractProblem[];
}

/** How a contract is read. */
export interface ReadContractOptions {
  /** What a file is called in messages, given its name in the descriptor. Default that name. */
  readonly fileName?: (name: string) => string;
  /** Names of the files to read. Default all. */
  readonly only?: ReadonlySet<string>;
}
