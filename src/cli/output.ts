import { once } from 'node:events';

/** Much of what is printed comes from a server: nothing of it may steer the terminal. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}--[\n\t]]/gv, '?');
}

/** Writes to stdout, and waits where the reader is slower. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(`${harmless(text)}\n`)) await once(process.stdout, 'drain');
}

/** Writes what is no result, but about it. */
export function note(text: string): void {
  process.stderr.write(`${harmless(text)}\n`);
}

/** Aligned columns under a heading. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => width(row[column]))));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

function width(cell: string | undefined): number {
  return cell?.length ?? 0;
}

/** JSON on one line; 64-bit integers as strings, bytes in base64, as Protobuf's JSON has them. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === 'bigint') return String(field);
    if (isBufferJson(field)) return Buffer.from(field.data).toString('base64');
    if (field instanceof Uint8Array) return Buffer.from(field).toString('base64');
    return field;
  });
}

/** What a Buffer has become by the time that a replacer sees it. */
function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

/** After how long a person is told what is waited for, in ms. */
const PATIENCE_MS = 1_000;

/** Says on a terminal what is being done once it takes longer than a second. */
export async function withProgress<T>(what: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work;
  const timer = setTimeout(() => note(`${what} …`), PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
