import { ConfigError } from '../core/errors.ts';

/** One thing that is wrong in a policy file. */
export interface PolicyProblem {
  /** The file as it was named. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `methods["orders.v1.OrdersService/GetOrder"].retry.attempts`; empty for the whole. */
  readonly key: string;
  /** `what is wrong; what to do`. */
  readonly message: string;
}

/** How many problems a message lists; all of them are in `problems`. */
const LISTED = 20;

/** A policy file that was refused as a whole, with all that is wrong in it. */
export class PolicyError extends ConfigError {
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[], cause?: unknown) {
    super(listLines(problems.map(lineOf)), cause === undefined ? undefined : { cause });
    Object.defineProperty(this, 'name', { value: 'PolicyError' });
    this.problems = problems;
  }
}

/** `file:line:column key: what is wrong; what to do`. */
export function lineOf({ file, line, column, key, message }: PolicyProblem): string {
  return `${file}:${line}:${column} ${key === '' ? '' : `${key}: `}${message}`;
}

/** One line each; of very many, the first. */
export function listLines(lines: readonly string[]): string {
  const more = lines.length > LISTED ? [`and ${lines.length - LISTED} more`] : [];
  return [...lines.slice(0, LISTED), ...more].join('\n');
}
