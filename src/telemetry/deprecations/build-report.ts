import type { Clock } from '../../core/clock.ts';
import { VERSION } from '../../core/version.ts';
import type { DeprecatedPart } from './deprecated-part.ts';
import type { DeprecatedUses } from './deprecated-uses.ts';
import type { DeprecationReport, ReportedPart } from './report.ts';

/** What the admin listener tells. Times are kept on the runtime's clock, and told on the wall's. */
export function buildReport(uses: DeprecatedUses, clock: Clock): DeprecationReport {
  const originMs = Date.now() - clock.now();
  return {
    inboard: VERSION,
    since: uses.since.toISOString(),
    deprecated: [...uses.parts()].map((part) => reportPart(part, originMs)),
  };
}

function reportPart(part: DeprecatedPart, originMs: number): ReportedPart {
  const uses = [...part.uses()].toSorted((one, other) => other.calls - one.calls);
  return {
    method: part.method,
    field: part.field,
    uses: uses.map(({ caller, calls, lastMs }) => {
      return { caller, calls, lastAt: new Date(originMs + lastMs).toISOString() };
    }),
  };
}
