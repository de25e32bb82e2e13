import type { ServerCounts } from './protocol.ts';

/** Calls that reached each server in a stretch of time, by the server's name. */
export function arrivalsBetween(
  counts: readonly ServerCounts[],
  fromMs: number,
  toMs: number,
): ReadonlyMap<string, number> {
  return new Map(
    counts.map(({ name, arrivals }) => {
      const times = Object.values(arrivals).flat();
      return [name, times.filter((time) => time >= fromMs && time < toMs).length];
    }),
  );
}

/** The share of all arrivals that one server got, 0 to 1; NaN where none arrived. */
export function shareOf(arrivals: ReadonlyMap<string, number>, name: string): number {
  return (arrivals.get(name) ?? 0) / total(arrivals);
}

/** How far the server that is furthest from its fair share is away from it, 0 to 1. */
export function worstDeviation(arrivals: ReadonlyMap<string, number>): number {
  const fair = total(arrivals) / arrivals.size;
  return Math.max(...[...arrivals.values()].map((count) => Math.abs(count - fair) / fair));
}

function total(arrivals: ReadonlyMap<string, number>): number {
  return [...arrivals.values()].reduce((sum, count) => sum + count, 0);
}
