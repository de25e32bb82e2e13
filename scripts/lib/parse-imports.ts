import { type CallExpression, parseSync, Visitor } from 'oxc-parser';

/** One mention of another module in a file. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/**
 * Every module that a TypeScript file names: imports, re-exports, `import()`, `import('…').Type`,
 * and what it requires through `require` or `createRequire`. Types count: they are knowledge too.
 */
export function parseImports(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source);
  const first = errors[0];
  if (first !== undefined) throw new Error(`${file} does not parse: ${first.message}`);

  const found: Import[] = [];
  const requires = new Set(['require']);
  const add = (node: { readonly start: number }, literal: object | null): void => {
    if (literal === null || !('value' in literal) || typeof literal.value !== 'string') return;
    const line = source.slice(0, node.start).split('\n').length;
    found.push({ specifier: literal.value, line });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node, node.source),
    ExportNamedDeclaration: (node) => add(node, node.source),
    ExportAllDeclaration: (node) => add(node, node.source),
    ImportExpression: (node) => add(node, node.source),
    TSImportType: (node) => add(node, node.source),
    VariableDeclarator(node) {
      const made = node.init?.type === 'CallExpression' && calls(node.init, 'createRequire');
      if (made && node.id.type === 'Identifier') requires.add(node.id.name);
    },
    CallExpression(node) {
      const { callee } = node;
      const direct = callee.type === 'Identifier' && requires.has(callee.name);
      const made = callee.type === 'CallExpression' && calls(callee, 'createRequire');
      if (direct || made) add(node, node.arguments[0] ?? null);
    },
  }).visit(program);
  return found;
}

function calls(node: CallExpression, name: string): boolean {
  return node.callee.type === 'Identifier' && node.callee.name === name;
}
