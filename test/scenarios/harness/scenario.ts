import type { Stage } from './stage.ts';

/** Inboard as it comes, inboard with the feature taken out, and stock grpc-js. */
export type Variant = 'on' | 'off' | 'stock';

/** One figure of a run and the bar it is held against. */
export interface Check {
  /** What is counted: `idempotent calls failed`. */
  readonly name: string;
  /** Undefined where this client does not tell. */
  readonly value: number | undefined;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Behind the number: ` ms`, ` %`. Default nothing. */
  readonly unit?: string;
  /** Digits behind the point. Default 0. */
  readonly digits?: number;
}

/** What a run came to. */
export interface Outcome {
  readonly checks: readonly Check[];
  /** What else helps to understand the figures; no bar hangs on it. */
  readonly notes: readonly string[];
}

/** One row of the table of bars: a trouble, and what must hold in it. */
export interface Scenario {
  readonly name: string;
  /** The trouble, in a line. */
  readonly title: string;
  /** How much of the machine one run needs, 0 to 1. What needs 1 runs alone. */
  readonly share: number;
  /** About how long one run takes, in seconds. */
  readonly seconds: number;
  /** The negative control: what is taken out, and which checks must fail then. */
  readonly off: { readonly without: string; readonly fails: readonly string[] };
  /** What stock grpc-js is given. */
  readonly stock: string;
  /**
   * Hangs on milliseconds: a run that misses its bar while the machine itself was late proves
   * nothing, and is made again. Default false.
   */
  readonly exact?: boolean;
  /** Part of the quick form. */
  readonly quick: boolean;
  /** A program that it cannot do without. */
  readonly needs?: string;
  run(stage: Stage): Promise<Outcome>;
}

export function isMet({ value, atMost, atLeast }: Check): boolean {
  if (value === undefined || Number.isNaN(value)) return false;
  if (atMost !== undefined && value > atMost) return false;
  return atLeast === undefined || value >= atLeast;
}

/** `0 idempotent calls failed (≤ 0)`. */
export function shown(check: Check): string {
  return `${figure(check)} ${check.name} (${barOf(check)})`;
}

export function figure({ value, unit = '', digits = 0 }: Check): string {
  if (value === undefined) return '–';
  return `${value.toFixed(digits)}${unit}`;
}

export function barOf({ atMost, atLeast, unit = '', digits = 0 }: Check): string {
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${atLeast.toFixed(digits)}${unit}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost.toFixed(digits)}${unit}`]),
  ];
  return bounds.join(', ');
}

/** The worst of several runs, check by check: what a table may claim. */
export function worstOf(outcomes: readonly Outcome[]): readonly Check[] {
  const [first] = outcomes;
  if (first === undefined) return [];
  return first.checks.map((check) => {
    const same = outcomes.flatMap(({ checks }) => checks.filter(({ name }) => name === check.name));
    const sorted = same.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0));
    const worst = check.atMost === undefined ? sorted[0] : sorted.at(-1);
    return worst ?? check;
  });
}
