import type { Document, Node } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

import { describe } from '../core/errors.ts';
import type { Finding, Path } from './findings.ts';

/** Where something stands in a text, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What a text says, and where it says it. */
export interface YamlText {
  /** Objects, lists, texts, numbers, booleans and null. */
  readonly data: unknown;
  /** Where a value, or its key, stands; the nearest thing around it where it is not there. */
  locate(finding: Pick<Finding, 'path' | 'onKey'>): Position;
}

/** Something that makes a text no YAML. */
export interface SyntaxProblem extends Position {
  readonly message: string;
  /** Of a key that is repeated; there is none in a text that does not parse. */
  readonly path?: Path;
}

/** Aliases may make of a small text a large value, but no larger than so many times. */
const MAX_ALIASES = 100;

/** Reads YAML 1.2, of which JSON is a part. Keys are texts and stand only once. */
export function readYaml(text: string): YamlText | readonly SyntaxProblem[] {
  const lineCounter = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  try {
    const document = parseDocument(text, {
      lineCounter,
      stringKeys: true,
      resolveKnownTags: false,
      prettyErrors: false,
      logLevel: 'error',
      // That check compares each key with each other one; see `repeatedKeys`.
      uniqueKeys: false,
    });
    const problems = [
      ...[...document.errors, ...document.warnings].map(({ pos, code, message }) => ({
        ...position(pos[0]),
        message:
          code === 'MULTIPLE_DOCS'
            ? 'begins a second document; keep one'
            : `does not parse: ${message}`,
      })),
      ...repeatedKeys(document.contents).map(({ offset, path }) => ({
        ...position(offset),
        path,
        message: 'stands here a second time; keep one of the two',
      })),
    ];
    if (problems.length > 0) return problems;
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { data, locate: ({ path, onKey = false }) => position(find(document, path, onKey)) };
  } catch (error) {
    // Too many aliases, or nesting too deep for the parser.
    return [{ line: 1, column: 1, message: `does not parse: ${describe(error)}` }];
  }
}

/** The keys that stood before in the same map, in the order of the text. */
function repeatedKeys(top: unknown): { readonly offset: number; readonly path: Path }[] {
  const found: { offset: number; path: Path }[] = [];
  const open: { node: unknown; path: Path }[] = [{ node: top, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, path } = next;
    if (isSeq(node)) {
      for (const [i, item] of node.items.entries()) open.push({ node: item, path: [...path, i] });
    }
    if (!isMap(node)) continue;
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const inner = [...path, name];
      if (seen.has(name)) found.push({ offset: startOf(key) ?? 0, path: inner });
      seen.add(name);
      open.push({ node: value, path: inner });
    }
  }
  return found.toSorted((a, b) => a.offset - b.offset);
}

/** The offset of what a path leads to. */
function find(document: Document.Parsed, path: Path, onKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, part] of path.entries()) {
    const within = isAlias(node) ? node.resolve(document) : node;
    if (isMap(within)) {
      const pair = within.items.find(({ key }) => isScalar(key) && key.value === part);
      if (pair === undefined) return offset;
      const key = startOf(pair.key);
      const wanted = onKey && depth === path.length - 1 ? key : (startOf(pair.value) ?? key);
      offset = wanted ?? offset;
      node = pair.value;
    } else if (isSeq(within) && typeof part === 'number') {
      node = within.items[part];
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
