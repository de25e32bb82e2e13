import { callsOf, methodOf, type Report } from './report.ts';
import { METHODS, type ShopMethod } from './shop.ts';
import type { MethodStanding } from './standing.ts';

/** How the methods stand, by name, as far as their clients have told. */
export type Standings = ReadonlyMap<string, MethodStanding>;

/** The calls of all methods, by what their failure means. */
export interface Totals {
  /** Unary calls that may be made again: none of these may fail. */
  readonly idempotent: Ends;
  /** Unary calls that may not. */
  readonly others: Ends;
  readonly streams: Ends;
  readonly retries: number;
  readonly hedges: number;
  readonly overBudget: number;
}

export interface Ends {
  readonly calls: number;
  readonly ok: number;
  /** Not carried out, for certain: whoever wants to may call again. */
  readonly refused: number;
  /** May have been carried out; nobody did so a second time to find out. */
  readonly unknown: number;
}

/** It may run twice: the policy's word, and before that is known the contract's. */
export function isIdempotent({ name, idempotent }: ShopMethod, standings: Standings): boolean {
  return standings.get(name)?.idempotent ?? idempotent;
}

export function totalsOf(report: Report, standings: Standings): Totals {
  const unary = METHODS.filter(({ streaming }) => !streaming);
  const sum = (key: 'retries' | 'hedges' | 'overBudget'): number =>
    METHODS.reduce((total, { name }) => total + methodOf(report, name)[key], 0);
  return {
    idempotent: endsOf(
      report,
      unary.filter((method) => isIdempotent(method, standings)),
    ),
    others: endsOf(
      report,
      unary.filter((method) => !isIdempotent(method, standings)),
    ),
    streams: endsOf(
      report,
      METHODS.filter(({ streaming }) => streaming),
    ),
    retries: sum('retries'),
    hedges: sum('hedges'),
    overBudget: sum('overBudget'),
  };
}

function endsOf(report: Report, methods: readonly ShopMethod[]): Ends {
  const ends = { calls: 0, ok: 0, refused: 0, unknown: 0 };
  for (const { name } of methods) {
    const method = methodOf(report, name);
    ends.calls += callsOf(method);
    ends.ok += method.ok;
    ends.refused += method.failed;
    ends.unknown += method.unknown;
  }
  return ends;
}
