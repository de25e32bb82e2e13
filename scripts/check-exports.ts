// Checks the package as its users get it: publint, and attw for the types of every entry.
import { runAsProgram } from './lib/main.ts';
import { withPackedProject } from './lib/pack.ts';
import { run } from './lib/run.ts';

await runAsProgram(import.meta, () =>
  withPackedProject(async (tarball) => {
    const results = [
      await run('publint', ['run', tarball, '--strict']),
      // The package is ES modules only; require() of them works on every Node it supports.
      await run('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']),
    ];
    const failed = results.filter((result) => result.code !== 0);
    for (const { output } of failed) console.error(output.trimEnd());
    return failed.length === 0 ? 0 : 1;
  }),
);
