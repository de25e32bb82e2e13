import type { Histogram } from './histogram.ts';
import type { Labels, LabelSet, MethodLabels } from './labels.ts';
import type { ScrapeTurns } from './scrape-turns.ts';

export type FamilyType = 'counter' | 'gauge' | 'histogram';

/** Takes the series of one family, as they are at this moment. */
export interface SeriesSink {
  /** `suffix`: what a histogram's series add to its name. */
  add(labels: LabelSet, value: number, suffix?: string): void;
}

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  readonly collect: (series: SeriesSink) => void;
}

/** One line of an exposition, as prom-client takes it. */
interface Value {
  readonly value: number;
  readonly labels: Labels;
  /** Labels whose text prom-client keeps for as long as the object lives. */
  readonly sharedLabels?: Labels;
  /** Where it is not the family's own. */
  readonly metricName?: string;
}

/** A family as prom-client takes it. */
export interface FamilyValues {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  readonly aggregator: 'sum';
  readonly values: readonly Value[];
}

const SHARED_ONLY: Labels = {};

/**
 * A metric in a registry of prom-client. prom-client's own are told of each call and find its series
 * by a hash of the labels; this one is asked at a scrape, and costs calls nothing.
 */
export class Family {
  readonly help: string;
  readonly type: FamilyType;
  readonly aggregator = 'sum';
  private readonly fullName: string;
  /** What prom-client has set for the exposition that it asks for next. */
  private nameToWrite: string | undefined = undefined;
  private readonly turns: ScrapeTurns;
  private readonly collectInto: FamilyOptions['collect'];

  constructor(turns: ScrapeTurns, { name, help, type, collect }: FamilyOptions) {
    this.turns = turns;
    this.fullName = name;
    this.help = help;
    this.type = type;
    this.collectInto = collect;
  }

  get name(): string {
    return this.fullName;
  }

  /**
   * prom-client takes `_total` off a counter right before it asks for values to write OpenMetrics
   * of. That holds for those values only: the next exposition may be of another format.
   */
  set name(name: string) {
    this.nameToWrite = name;
  }

  /** In Prometheus' text format 0.0.4, without a line end, and how many series that has. */
  text(): { readonly text: string; readonly series: number } {
    const { name } = this;
    const lines = [`# HELP ${name} ${this.help}`, `# TYPE ${name} ${this.type}`];
    const comments = lines.length;
    this.collectInto({
      add: (labels, value, suffix = '') => {
        const own = labels.text === '' ? '' : `{${labels.text}}`;
        lines.push(`${name}${suffix}${own} ${value}`);
      },
    });
    // Joined here, for the copying is most of the work and belongs to this family's turn.
    return { text: lines.join('\n'), series: lines.length - comments };
  }

  /** For prom-client: what it makes text of. */
  getForPromString(): Promise<FamilyValues> {
    const name = this.nameToWrite ?? this.fullName;
    this.nameToWrite = undefined;
    return this.values(name, (labels) => ({ labels: SHARED_ONLY, sharedLabels: labels }));
  }

  /** For prom-client: what the processes of a cluster add up. */
  get(): Promise<FamilyValues> {
    return this.values(this.fullName, (labels) => ({ labels }));
  }

  /** For prom-client. What was counted stays: there are others who read the same counts. */
  reset(): void {}

  private async values(
    name: string,
    labelsOf: (labels: Labels) => Omit<Value, 'value'>,
  ): Promise<FamilyValues> {
    await this.turns.next();
    const { help, type, aggregator } = this;
    const values: Value[] = [];
    this.collectInto({
      add: ({ labels }, value, suffix) => {
        const own = labelsOf(labels);
        values.push(
          suffix === undefined
            ? { value, ...own }
            : { value, ...own, metricName: `${name}${suffix}` },
        );
      },
    });
    return { name, help, type, aggregator, values };
  }
}

/** Buckets as Prometheus counts them: each holds those below it too. */
export function addHistogram(
  series: SeriesSink,
  labels: MethodLabels,
  { boundsMs, counts, sumMs }: Histogram,
): void {
  let total = 0;
  for (const [index, bucket] of labels.buckets(boundsMs).entries()) {
    total += counts[index] ?? 0;
    series.add(bucket, total, '_bucket');
  }
  series.add(labels.full, sumMs / 1000, '_sum');
  series.add(labels.full, total, '_count');
}
