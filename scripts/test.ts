// Runs the tests: `npm test -- [vitest arguments]`. The last line is `N passed, N failed`, with
// `, N skipped` where any test was, each of them named above.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAsProgram } from './lib/main.ts';
import { root } from './lib/run.ts';
import { type Tally, tallyFileVariable } from './lib/tally-reporter.ts';

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const tallyReporter = join(root, 'scripts', 'lib', 'tally-reporter.ts');

await runAsProgram(import.meta, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-test-'));
  try {
    const tallyFile = join(folder, 'tally.json');
    const code = await runVitest(process.argv.slice(2), tallyFile);
    printTally(await readTally(tallyFile), code);
    return code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function runVitest(args: readonly string[], tallyFile: string): Promise<number> {
  const reporters = ['--reporter=default', `--reporter=${tallyReporter}`];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], {
      cwd: root,
      env: { ...process.env, [tallyFileVariable]: tallyFile },
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
}

async function readTally(file: string): Promise<Tally> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Tally;
  } catch {
    // vitest ended before any test did, for instance on an unknown argument.
    return { passed: 0, failed: 0, skipped: [] };
  }
}

function printTally({ passed, failed, skipped }: Tally, code: number): void {
  for (const name of skipped) console.log(`skipped: ${name}`);
  if (code !== 0 && failed === 0) console.log(`vitest exited with ${code}: see above.`);
  const failures = code === 0 ? failed : Math.max(failed, 1);
  const skips = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  console.log(`${passed} passed, ${failures} failed${skips}`);
}
