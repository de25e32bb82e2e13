import { inspect } from 'node:util';

/** Where a value stands in a document: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** Something that is wrong with a policy: what, and what to do about it. */
export interface Finding {
  readonly path: Path;
  /** `what is wrong; what to do`. */
  readonly message: string;
  /** The key itself is wrong, and not its value. */
  readonly onKey?: boolean;
}

/** A path as a person writes it: `methods["a.B/C"].retry.codes[0]`. */
export function dotted(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z_$][\w$]*$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** A value in a few words. */
export function shown(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  }
  return inspect(value);
}
