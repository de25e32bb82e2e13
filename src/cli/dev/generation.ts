import { cp, readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';

import { captureBuf } from '../buf-process.ts';
import { mirroredFiles, mirrorIn } from '../codegen.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';
import type { StepEvent } from './dev-event.ts';

/**
 * `buf generate`, of which only files that differ reach the project: a contract that does not
 * compile changes nothing, and whoever watches the rest sees no change where there is none.
 */
export class Generation {
  /** What `--proto` named; empty for all contracts. */
  private readonly only: readonly string[];
  /** All that the last run made. */
  private made: ReadonlySet<string> = new Set();

  constructor(only: readonly string[]) {
    this.only = only;
  }

  /** Whether a file is output, not source. */
  owns(file: string): boolean {
    return this.made.has(file);
  }

  async run(): Promise<StepEvent> {
    const since = performance.now();
    return withTemporaryFolder('dev', async (fresh) => {
      const paths = this.only.flatMap((folder) => ['--path', folder]);
      const args = ['generate', '--output', mirrorIn(fresh), ...paths];
      const { code, errors } = await captureBuf(args);
      const ms = performance.now() - since;
      if (code !== 0) return { event: 'generate', ok: false, ms, output: errors.trimEnd() };
      const files = await this.bringOver(fresh);
      return { event: 'generate', ok: true, ms: performance.now() - since, files };
    });
  }

  /** Returns what was written or removed, as seen from here. */
  private async bringOver(fresh: string): Promise<string[]> {
    const made = await mirroredFiles(fresh);
    const changed: string[] = [];
    for (const [file, source] of made) {
      const [now, before] = await Promise.all([readFile(source), contentOf(file)]);
      if (before?.equals(now) === true) continue;
      await cp(source, file);
      changed.push(file);
    }
    // What is there from before this command may be anything.
    const stale = [...this.made].filter((file) => !made.has(file));
    for (const file of stale) await rm(file, { force: true });
    this.made = new Set(made.keys());
    return [...changed, ...stale].map((file) => relative(process.cwd(), file)).toSorted();
  }
}

async function contentOf(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch {
    return undefined;
  }
}
