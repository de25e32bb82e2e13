import { describe, expect, it } from 'vitest';

import { parseCoreList } from '../../bench/cores.ts';
import { median, medianUpperBound, pairedRatio, Samples, spread } from '../../bench/stats.ts';

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

describe('median', () => {
  it('is the middle value, or halfway between the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('sorts by size and not as text', () => {
    expect(median([10, 9, 100])).toBe(10);
  });

  it('refuses an empty sample', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves its argument as it was', () => {
    const values = [3, 1, 2];
    spread(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('pairedRatio', () => {
  it('compares each value with its own partner', () => {
    // Every value is twice its partner, however much the pairs differ from each other.
    expect(pairedRatio([2, 20, 200], [1, 10, 100])).toBe(2);
  });

  it('refuses values without a partner', () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('medianUpperBound', () => {
  it.each([
    // n, rank of the bound, its confidence: the binomial (n, 1/2) summed up to rank - 1.
    [5, 5, 0.96875],
    [20, 15, 0.979_305_3],
    [40, 26, 0.959_654_8],
  ])('takes of %i values the %i-th', (n, rank, confidence) => {
    const bound = medianUpperBound(oneTo(n).toReversed(), 0.95);
    expect(bound?.value).toBe(rank);
    expect(bound?.confidence).toBeCloseTo(confidence, 6);
  });

  it('knows when there are too few values', () => {
    expect(medianUpperBound(oneTo(4), 0.95)).toBeUndefined();
  });

  it('lies above the true median about as often as it says', () => {
    const random = seeded(20_250_101);
    const trials = 4_000;
    let above = 0;
    for (let trial = 0; trial < trials; trial++) {
      // Skewed, as CPU times are; the median of -ln(u) is ln 2.
      const sample = Array.from({ length: 20 }, () => -Math.log(1 - random()));
      if ((medianUpperBound(sample, 0.95)?.value ?? 0) >= Math.LN2) above++;
    }
    expect(above / trials).toBeGreaterThan(0.97);
    expect(above / trials).toBeLessThan(0.99);
  });
});

describe('Samples', () => {
  it('gives exact quantiles by nearest rank', () => {
    const samples = new Samples();
    for (const value of oneTo(100).toReversed()) samples.add(value);
    expect(samples.quantiles([0, 0.5, 0.99, 1])).toEqual([1, 50, 99, 100]);
  });

  it('grows beyond its first size', () => {
    const samples = new Samples();
    const count = 200_000;
    for (let value = 1; value <= count; value++) samples.add(value);
    expect(samples.quantiles([0.5, 1])).toEqual([count / 2, count]);
  });

  it('has no quantile of nothing', () => {
    expect(new Samples().quantiles([0.5])).toEqual([Number.NaN]);
  });
});

describe('parseCoreList', () => {
  it.each([
    ['', []],
    ['3', [3]],
    ['0-2', [0, 1, 2]],
    ['0-1,4,6-7', [0, 1, 4, 6, 7]],
  ])('reads %j', (list, cores) => {
    expect(parseCoreList(list)).toEqual(cores);
  });
});

/** mulberry32: the same numbers on every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
