import { captureBuf } from '../buf-process.ts';
import { CliFailure } from '../failure.ts';
import type { Finding, StepResult } from './finding.ts';

/** Contracts that are not as `buf format` writes them. */
export async function checkFormat(excluded: readonly string[]): Promise<StepResult> {
  const exclude = excluded.flatMap((path) => ['--exclude-path', path]);
  const run = await captureBuf(['format', '--diff', '--exit-code', ...exclude]);
  const findings = findingsOfDiff(run.output.toString());
  if (run.code !== 0 && findings.length === 0) {
    throw new CliFailure(`buf format failed: ${run.errors.trim()}`, {
      hint: 'Run it by itself: inboard format --diff',
    });
  }
  return { findings };
}

/** The first line that each hunk of a unified diff changes. */
export function findingsOfDiff(diff: string): Finding[] {
  const findings: Finding[] = [];
  let file = '';
  // Of the file as it is; 0 outside of a hunk, and behind the first change in one.
  let line = 0;
  for (const text of diff.split('\n')) {
    const header = /^@@ -(\d+)/.exec(text);
    if (header !== null) {
      line = Number(header[1]);
    } else if (line === 0) {
      file = /^\+\+\+ ([^\t]+)/.exec(text)?.[1] ?? file;
    } else if (/^[-+]/.test(text)) {
      findings.push({
        file,
        line,
        column: 1,
        rule: 'FORMAT',
        message: 'Is not formatted; run `inboard format -w`',
      });
      line = 0;
    } else {
      line += 1;
    }
  }
  return findings;
}
