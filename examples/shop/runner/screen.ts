import type { WriteStream } from 'node:tty';

import { cut } from './layout.ts';

/** Room for a table, in characters. */
export interface Room {
  readonly rows: number;
  readonly columns: number;
}

/** Where the shop shows what it does. */
export interface Screen {
  /** True where a table is redrawn in place. */
  readonly live: boolean;
  /** A line that stays; a live screen that draws a table has it in there. */
  say(line: string): void;
  /** The state of things now: `table` on a live screen, else `summary` now and then. */
  show(table: (room: Room) => readonly string[], summary: () => string): void;
  /** Gives the terminal back. */
  close(): void;
}

/** How often a summary is printed where there is no terminal. */
const SUMMARY_EVERY_MS = 3_000;

export function openScreen(output: NodeJS.WriteStream): Screen {
  return output.isTTY ? new LiveScreen(output) : new LineScreen(output);
}

/** Prints line after line: a pipe, a file, a CI log. */
class LineScreen implements Screen {
  readonly live = false;
  private readonly output: NodeJS.WriteStream;
  private nextMs: number | undefined = undefined;

  constructor(output: NodeJS.WriteStream) {
    this.output = output;
  }

  say(line: string): void {
    this.output.write(`${line}\n`);
  }

  show(_table: (room: Room) => readonly string[], summary: () => string): void {
    const nowMs = performance.now();
    this.nextMs ??= nowMs + SUMMARY_EVERY_MS;
    if (nowMs < this.nextMs) return;
    this.nextMs += SUMMARY_EVERY_MS;
    this.say(summary());
  }

  close(): void {}
}

/** Redraws one table in place. */
class LiveScreen implements Screen {
  readonly live = true;
  private readonly output: WriteStream;
  private drawn = 0;
  private readonly resized = (): void => {
    // Lines that were drawn are broken anew, so that there is no way back to the first of them.
    this.output.write('\u001B[2J\u001B[H');
    this.drawn = 0;
  };

  constructor(output: WriteStream) {
    this.output = output;
    output.on('resize', this.resized);
  }

  say(line: string): void {
    if (this.drawn === 0) this.output.write(`${line}\n`);
  }

  show(table: (room: Room) => readonly string[]): void {
    // The last row stays free for the cursor. A terminal that tells no size has the usual one.
    const rows = Math.max(1, (this.output.rows || 24) - 1);
    const columns = this.output.columns || 80;
    const lines = table({ rows, columns }).slice(0, rows);
    const drawing = lines.map((line) => `${cut(line, columns)}\u001B[K\n`).join('');
    // Hide the cursor, go up to the first line, draw over what is there, clear what is below.
    this.output.write(`\u001B[?25l${this.up()}${drawing}\u001B[J`);
    this.drawn = lines.length;
  }

  close(): void {
    this.output.off('resize', this.resized);
    this.output.write(`${this.up()}\u001B[J\u001B[?25h`);
    this.drawn = 0;
  }

  private up(): string {
    return this.drawn === 0 ? '' : `\u001B[${this.drawn}A`;
  }
}
