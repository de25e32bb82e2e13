/** The middle of a round's figures and how far they spread. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** An upper confidence bound and the confidence it really has. */
export interface UpperBound {
  readonly value: number;
  /** At least what was asked; order statistics come in steps. */
  readonly confidence: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no values');
  return (lower + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

/** The median of the ratios of paired values: what both of a pair suffered cancels out. */
export function pairedRatio(values: readonly number[], bases: readonly number[]): number {
  return median(ratios(values, bases));
}

export function ratios(values: readonly number[], bases: readonly number[]): number[] {
  return values.map((value, index) => {
    const base = bases[index];
    if (base === undefined) throw new RangeError('the values are not paired');
    return value / base;
  });
}

/**
 * A one-sided upper confidence bound on the median by order statistics, free of any assumption
 * about the distribution: the k-th smallest of n values lies above the median unless at least k
 * of them fell below it, and how many do is binomial (n, ½). (Conover, Practical Nonparametric
 * Statistics, 3.2.) Undefined where n is too small for the confidence.
 */
export function medianUpperBound(
  values: readonly number[],
  confidence: number,
): UpperBound | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  // P(fewer than k values below the median), grown term by term: C(n, i) / 2^n.
  let term = 0.5 ** n;
  let covered = term;
  for (const [index, value] of sorted.entries()) {
    if (covered >= confidence) return { value, confidence: covered };
    term *= (n - index) / (index + 1);
    covered += term;
  }
  return undefined;
}

/** Durations of one slice, kept exactly, so that the quantiles are exact too. */
export class Samples {
  private values: Float64Array<ArrayBuffer> = new Float64Array(1 << 16);
  private length = 0;

  add(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  /** The smallest value that `share` of all values do not exceed (nearest rank). */
  quantiles(shares: readonly number[]): number[] {
    const sorted = this.values.subarray(0, this.length).toSorted();
    return shares.map((share) => {
      const rank = Math.max(1, Math.ceil(share * sorted.length));
      return sorted[rank - 1] ?? Number.NaN;
    });
  }
}
