import type { Pinning } from './cores.ts';
import type { Fleet } from './fleet.ts';
import type { MetricsCost } from './metrics-cost.ts';
import { measureMetrics } from './metrics-cost.ts';
import type { LoadOptions } from './options.ts';
import type { Pair } from './paired.ts';
import { GENERATIONS, measurePairs } from './paired.ts';
import type { SliceFigures } from './row.ts';
import type { StackCost } from './stack-cost.ts';
import { measureStacks } from './stack-cost.ts';
import { median, medianUpperBound } from './stats.ts';
import { figure, formatTable, ratio } from './table.ts';

/** CPU time that all telemetry together may take of a call, on each side. */
const BAR_MICROS = 3;
const BAR_SCRAPE_MS = 20;
const CONFIDENCE = 0.95;

export interface TelemetrySide {
  readonly side: 'client' | 'server';
  readonly withoutMicros: number;
  /** Median of the paired differences, and its upper confidence bound. */
  readonly costMicros: number;
  readonly upperBoundMicros: number | undefined;
  readonly met: boolean;
}

export interface TelemetryResult {
  readonly pairs: readonly Pair[];
  readonly sides: readonly TelemetrySide[];
  /** Client and server in one process, without a wire. */
  readonly stacks: StackCost;
  readonly metrics: MetricsCost;
  readonly met: boolean;
}

/** What the default telemetry costs a call: metrics, and tracing that nobody has an SDK for. */
export async function runTelemetry(
  options: LoadOptions,
  pinning: Pinning,
  fleet: Fleet,
): Promise<TelemetryResult> {
  const [base, row] = options.rows;
  const [workload] = options.workloads;
  if (base === undefined || row === undefined || workload === undefined) {
    throw new Error('nothing to compare');
  }
  const metrics = await measureMetrics(options.schedule.rounds);
  const stacks = await measureStacks(options.schedule.rounds);
  const pairs = await measurePairs({ base, row, workload }, options, pinning, fleet);
  const sides = [
    summarizeSide('client', pairs, ({ clientMicros }) => clientMicros),
    summarizeSide('server', pairs, ({ serverMicros }) => serverMicros),
  ];
  const met =
    sides.every((side) => side.met) &&
    stacks.costMicros <= 2 * BAR_MICROS &&
    metrics.scrapeMs.median < BAR_SCRAPE_MS;
  const result = { pairs, sides, stacks, metrics, met };
  process.stdout.write(formatResult(result, workload.title));
  return result;
}

function summarizeSide(
  side: TelemetrySide['side'],
  pairs: readonly Pair[],
  micros: (slice: SliceFigures) => number,
): TelemetrySide {
  const costs = pairs.map((pair) => micros(pair.row) - micros(pair.base));
  const costMicros = median(costs);
  return {
    side,
    withoutMicros: median(pairs.map((pair) => micros(pair.base))),
    costMicros,
    upperBoundMicros: medianUpperBound(costs, CONFIDENCE)?.value,
    met: costMicros <= BAR_MICROS,
  };
}

function costCells(
  withoutMicros: number,
  costMicros: number,
  upperBoundMicros: number | undefined,
  barMicros: number,
): string[] {
  return [
    figure(withoutMicros),
    figure(costMicros),
    `≤ ${figure(barMicros)}`,
    upperBoundMicros === undefined ? '-' : figure(upperBoundMicros),
    costMicros <= barMicros ? 'met' : 'MISSED',
  ];
}

function formatResult({ pairs, sides, stacks, metrics }: TelemetryResult, title: string): string {
  const rows = sides.map((side) => [
    side.side,
    ...costCells(side.withoutMicros, side.costMicros, side.upperBoundMicros, BAR_MICROS),
  ]);
  const { withoutMicros, costMicros, upperBoundMicros } = stacks;
  const together = costCells(withoutMicros, costMicros, upperBoundMicros, 2 * BAR_MICROS);
  rows.push(['both, no wire', ...together]);
  const header = ['CPU time a call', 'without µs', 'cost µs', 'asked', 'up to', 'bar'];
  const { layerNs, scrapeMs, firstScrapeMs, holdMs, series } = metrics;
  const scrapeMet = scrapeMs.median < BAR_SCRAPE_MS ? 'met' : 'MISSED';
  return (
    `\nthe default telemetry · ${title}\n${formatTable([header, ...rows])}` +
    `${pairs.length} pairs in ${GENERATIONS} generations of processes; ` +
    `'up to' is the ${ratio(CONFIDENCE)} upper bound of the median\n\n` +
    `metrics alone: ${figure(layerNs.median)} ns of CPU a unary call ` +
    `(${figure(layerNs.min)} – ${figure(layerNs.max)})\n` +
    `a scrape of ${series.toLocaleString('en-US')} series: ${figure(scrapeMs.median)} ms of CPU ` +
    `(${figure(scrapeMs.min)} – ${figure(scrapeMs.max)}), the first ${figure(firstScrapeMs)} ms; ` +
    `asked < ${BAR_SCRAPE_MS} ms: ${scrapeMet}\n` +
    `the event loop's longest turn meanwhile: ${figure(holdMs.median)} ms of CPU ` +
    `(${figure(holdMs.min)} – ${figure(holdMs.max)})\n`
  );
}
