// Builds dist/ anew: JavaScript, declarations and their maps, and the console's page.
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runAsProgram } from './lib/main.ts';
import { root, runOrThrow } from './lib/run.ts';

await runAsProgram(import.meta, async () => {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await runOrThrow('tsc', ['-p', 'tsconfig.build.json']);
  const page = join('src', 'telemetry', 'console', 'console.html');
  await copyFile(join(root, page), join(root, 'dist', page));
  return 0;
});
