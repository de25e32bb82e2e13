import type {
  DeprecationReport,
  ReportedPart,
  ReportedUse,
} from '../../telemetry/deprecations/report.ts';

/** What several processes have counted, as one. */
export interface DeprecationSum {
  /** How many processes were asked. */
  readonly processes: number;
  /** Since when all of them count: an ISO date. */
  readonly since: string;
  /** By method, then by field, the method itself first; most calls of each first. */
  readonly deprecated: readonly ReportedPart[];
}

/** Adds up at least one report. */
export function sumReports(reports: readonly DeprecationReport[]): DeprecationSum {
  const parts = new Map<
    string,
    { method: string; field: string; uses: Map<string, ReportedUse> }
  >();
  for (const { method, field, uses } of reports.flatMap(({ deprecated }) => deprecated)) {
    // Neither has a space in it.
    const key = `${method} ${field}`;
    const part = parts.get(key) ?? { method, field, uses: new Map<string, ReportedUse>() };
    parts.set(key, part);
    for (const use of uses) part.uses.set(use.caller, add(part.uses.get(use.caller), use));
  }
  const inOrder = [...parts].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    processes: reports.length,
    since: reports.map(({ since }) => since).reduce(later),
    deprecated: inOrder.map(([, { uses, ...part }]) => {
      return { ...part, uses: [...uses.values()].toSorted((a, b) => b.calls - a.calls) };
    }),
  };
}

function add(before: ReportedUse | undefined, use: ReportedUse): ReportedUse {
  if (before === undefined) return use;
  return {
    caller: use.caller,
    calls: before.calls + use.calls,
    lastAt: later(before.lastAt, use.lastAt),
  };
}

/** ISO dates of one zone come in the order of their texts. */
function later(one: string, other: string): string {
  return one > other ? one : other;
}
