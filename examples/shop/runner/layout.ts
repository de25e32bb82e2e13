import { stripVTControlCharacters, styleText } from 'node:util';

import type { Tone } from './protocol.ts';

export type Style = 'good' | 'doubtful' | 'bad' | 'dim' | 'bold';

/** Text of a table; a plain string has no colour. */
export type Cell = string | { readonly text: string; readonly style: Style };

export interface Column {
  readonly title: string;
  /** Figures stand to the right, words to the left. */
  readonly words?: boolean;
  /** At least as wide as this, so that the table stands still while figures change. */
  readonly width?: number;
  /** Left away where there is no room, the highest first. Without it: never. */
  readonly spare?: number;
}

const COLOURS = {
  good: 'green',
  doubtful: 'yellow',
  bad: 'red',
  dim: 'dim',
  bold: 'bold',
} as const satisfies Readonly<Record<Style, string>>;

export const STYLE_OF: Readonly<Record<Tone, Style | undefined>> = {
  good: 'good',
  bad: 'bad',
  plain: undefined,
};

/** In colour where standard output is a terminal that has some, and nobody said NO_COLOR. */
export function paint(text: string, style: Style | undefined): string {
  return style === undefined ? text : styleText(COLOURS[style], text);
}

/** Lines up cells under their titles, in as many columns as fit into `width`. */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number = Number.POSITIVE_INFINITY,
): string[] {
  const widths = columns.map(({ title, width: least = 0 }, index) =>
    Math.max(least, title.length, ...rows.map((row) => textOf(row[index] ?? '').length)),
  );
  const shown = fitting(columns, widths, width);
  const gap = ' '.repeat(neededWidth(shown, widths, 2) <= width ? 2 : 1);
  const line = (cells: readonly Cell[]): string =>
    shown
      .map((index) => pad(cells[index] ?? '', widths[index] ?? 0, columns[index]?.words === true))
      .join(gap)
      .trimEnd();
  const titles = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }));
  return [titles, ...rows].map(line);
}

/** What a terminal takes as a colour, and shows as nothing. */
const COLOUR = new RegExp(`(${String.fromCodePoint(0x1b)}\\[[\\d;]*m)`);

/** Cuts a line that may hold colours to what a terminal shows. */
export function cut(line: string, columns: number): string {
  if (stripVTControlCharacters(line).length <= columns) return line;
  let left = columns;
  // Colours take no room and are kept, so that none of them runs on.
  const kept = line.split(COLOUR).map((part, index) => {
    if (index % 2 === 1) return part;
    const text = part.slice(0, left);
    left -= text.length;
    return text;
  });
  return kept.join('');
}

/** The columns that are left when the others had to go. */
function fitting(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  let shown = columns.map((_, index) => index);
  while (neededWidth(shown, widths, 1) > width) {
    const spare = shown.filter((index) => columns[index]?.spare !== undefined);
    const [next] = spare.toSorted((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0));
    if (next === undefined) break;
    shown = shown.filter((index) => index !== next);
  }
  return shown;
}

function neededWidth(shown: readonly number[], widths: readonly number[], gap: number): number {
  const text = shown.reduce((sum, index) => sum + (widths[index] ?? 0), 0);
  return text + gap * Math.max(0, shown.length - 1);
}

function pad(cell: Cell, width: number, words: boolean): string {
  const text = textOf(cell);
  const painted = paint(text, typeof cell === 'string' ? undefined : cell.style);
  const space = ' '.repeat(Math.max(0, width - text.length));
  return words ? painted + space : space + painted;
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}
