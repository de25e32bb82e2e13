import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

/**
 * How a file of a contract is called from a folder, given its name in its descriptor, which begins
 * at the root of its module: the modules are those of the folder's `buf.yaml`. What stands in none
 * of them keeps its name.
 */
export function fileNames(folder: string): (name: string) => string {
  const roots = moduleRoots(folder);
  return (name) => {
    const root = roots.find((path) => existsSync(join(folder, path, name)));
    return root === undefined ? name : join(root, name);
  };
}

function moduleRoots(folder: string): readonly string[] {
  let config: unknown;
  try {
    config = parse(readFileSync(join(folder, 'buf.yaml'), 'utf8'));
  } catch {
    // Buf may run without one, and it complains itself of one that is broken.
    return [];
  }
  const { modules } = Object(config) as { readonly modules?: unknown };
  if (!Array.isArray(modules)) return [];
  return modules.flatMap((module: unknown) => {
    const { path } = Object(module) as { readonly path?: unknown };
    return typeof path === 'string' ? [path] : [];
  });
}
