// @ts-check
// How bad a method is, and in which order methods stand.

/** @typedef {import('../console-state.ts').MethodRow} MethodRow */
/** @typedef {'bad' | 'warn' | 'ok' | 'idle'} Level */
/** @typedef {'rate' | 'success' | 'p50' | 'p95' | 'p99' | 'inFlight' | 'retryRate'} NumberColumn */
/** @typedef {{ readonly column: 'worst' | 'method' | NumberColumn, readonly down: boolean }} Sort */

/** @type {Readonly<Record<Level, { readonly glyph: string, readonly word: string }>>} */
export const LEVELS = {
  bad: { glyph: '✕', word: 'failing: less than 99 % succeed' },
  warn: { glyph: '▲', word: 'some fail: less than 99.9 % succeed' },
  ok: { glyph: '●', word: 'fine' },
  idle: { glyph: '○', word: 'no calls lately' },
};

/**
 * @param {number | null} success
 * @returns {Level}
 */
export function levelOf(success) {
  if (success === null) return 'idle';
  if (success < 0.99) return 'bad';
  return success < 0.999 ? 'warn' : 'ok';
}

/** @param {MethodRow} row */
export function keyOf(row) {
  return `${row.side} ${row.service}/${row.method}`;
}

/** @param {MethodRow} row */
export function failureRate(row) {
  return row.success === null ? 0 : (1 - row.success) * row.rate;
}

/**
 * Powers of two, so that rows which are about as bad do not change places all the time.
 * @param {number} value
 */
function step(value) {
  return value > 0 ? Math.round(Math.log2(value)) : -99;
}

/**
 * @param {readonly MethodRow[]} rows
 * @param {Sort} sort
 * @returns {MethodRow[]}
 */
export function sorted(rows, sort) {
  const ranked = rows.map((row) => ({ row, ranks: ranksOf(row, sort), name: keyOf(row) }));
  ranked.sort((a, b) => {
    for (const [i, rank] of a.ranks.entries()) {
      const other = b.ranks[i] ?? 0;
      if (rank !== other) return other - rank;
    }
    return a.name < b.name ? -1 : 1;
  });
  return ranked.map(({ row }) => row);
}

/**
 * What is higher comes first.
 * @param {MethodRow} row
 * @param {Sort} sort
 * @returns {readonly number[]}
 */
function ranksOf(row, { column, down }) {
  if (column === 'worst') return [step(failureRate(row)), step(row.p99 ?? 0), step(row.rate)];
  if (column === 'method') return [];
  const value = row[column];
  if (value === null) return [-Infinity];
  return [down ? value : -value];
}
