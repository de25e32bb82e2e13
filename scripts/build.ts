// Builds dist/ anew: JavaScript, declarations and their maps.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runAsProgram } from './lib/main.ts';
import { root, runOrThrow } from './lib/run.ts';

await runAsProgram(import.meta, async () => {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await runOrThrow('tsc', ['-p', 'tsconfig.build.json']);
  return 0;
});
