import { CliFailure } from '../failure.ts';
import type { ToolOutput } from '../project-tool.ts';
import type { Finding } from './finding.ts';

/** What buf exits with where it has found something. */
const FOUND = 100;

/** A line of `--error-format json`. */
interface Annotation {
  /** Missing where what is meant is no longer there. */
  readonly path?: string;
  readonly start_line?: number;
  readonly start_column?: number;
  readonly type: string;
  readonly message: string;
}

/**
 * What a run of buf with `--error-format json` found. Throws a CliFailure where buf could not do
 * its work.
 */
export function findingsOf(
  what: string,
  { code, output, errors }: ToolOutput,
  adviceOf: (rule: string) => string | undefined,
): Finding[] {
  const lines = `${output.toString()}\n${errors}`.split('\n');
  const annotations = lines.filter((line) => line.startsWith('{'));
  if (code === 0) return [];
  if (code !== FOUND || annotations.length === 0) {
    throw new CliFailure(`buf ${what} failed: ${errors.trim().replace(/^Failure: /, '')}`, {
      hint: `Run it by itself: npx buf ${what}`,
    });
  }
  return annotations.map((line) => finding(JSON.parse(line) as Annotation, adviceOf));
}

function finding(
  { path, start_line: line = 1, start_column: column = 1, type, message }: Annotation,
  adviceOf: (rule: string) => string | undefined,
): Finding {
  const advice = adviceOf(type);
  const text = message.replace(/\.$/, '');
  return {
    file: path ?? quotedIn(message),
    line,
    column,
    rule: type,
    message: advice === undefined ? text : `${text}; ${advice}`,
  };
}

/** What a message names first: a file or a package that is gone. */
export function quotedIn(message: string): string {
  return /"([^"]+)"/.exec(message)?.[1] ?? '';
}
