import type { Metadata } from 'nice-grpc-common';

/**
 * What a call is worth when a server has more of them than it can do: `sheddable` ones are refused
 * first, `critical` ones last. For work that nobody waits for, and for work that must be done.
 * (SRE, "Handling Overload": criticality.)
 */
export type Criticality = 'critical' | 'default' | 'sheddable';

/** Request metadata that carries it; a call without it is `default`. */
export const CRITICALITY_KEY = 'x-inboard-criticality';

/** What a request says; undefined where it says nothing that is known. */
export function criticalityOf(headers: Metadata): Criticality | undefined {
  const text = headers.get(CRITICALITY_KEY);
  return text === 'critical' || text === 'sheddable' || text === 'default' ? text : undefined;
}

/**
 * Of a call made while another is handled. What one of the two leaves unsaid the other says; else
 * the lesser holds: bulk work does not become critical by what it calls, and what a method itself
 * calls sheddable stays so for all callers.
 */
export function lesser(
  inherited: Criticality | undefined,
  own: Criticality | undefined,
): Criticality | undefined {
  if (inherited === undefined || own === undefined) return inherited ?? own;
  return RANK[inherited] < RANK[own] ? inherited : own;
}

const RANK: Readonly<Record<Criticality, number>> = { sheddable: 0, default: 1, critical: 2 };
