import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** What a run of the tests came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** The full name of each skipped test, with its reason where it gave one. */
  readonly skipped: readonly string[];
}

/** The environment variable that names the file to write the tally to. */
export const tallyFileVariable = 'INBOARD_TALLY_FILE';

/** Counts beside vitest's own reporter, for the closing line of `npm test`. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env[tallyFileVariable];
    if (file !== undefined) writeFileSync(file, JSON.stringify(count(modules, unhandledErrors)));
  }
}

/**
 * A file or a group that fails outside of its tests (it does not load, a hook throws) counts as one
 * failure, and so does each unhandled error.
 */
function count(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): Tally {
  let passed = 0;
  let failed = unhandledErrors.length;
  const skipped: string[] = [];
  for (const module of modules) {
    if (module.errors().length > 0) failed += 1;
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) failed += 1;
    }
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') passed += 1;
      else if (result.state === 'skipped') skipped.push(nameSkipped(test, result.note));
      else failed += 1;
    }
  }
  return { passed, failed, skipped };
}

function nameSkipped(
  test: { readonly fullName: string; readonly module: TestModule },
  note: string | undefined,
): string {
  const reason = note === undefined ? '' : ` (${note})`;
  return `${test.module.relativeModuleId} > ${test.fullName}${reason}`;
}
