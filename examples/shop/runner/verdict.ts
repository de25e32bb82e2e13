import { callsOf, type MethodReport, methodOf, type Report } from './report.ts';
import { METHODS, type ShopMethod } from './shop.ts';

export interface Verdict {
  readonly passed: boolean;
  readonly lines: readonly string[];
}

/**
 * What the run came to. It fails for an idempotent unary call that failed, for a method that nobody
 * called and for a process that died. What else went wrong is told apart, for nobody could have
 * made those calls again without asking.
 */
export function judge(report: Report, deaths: readonly string[]): Verdict {
  const repeatable = METHODS.filter((method) => method.repeatable);
  const once = METHODS.filter((method) => !method.repeatable && !method.streaming);
  const streams = METHODS.filter((method) => method.streaming);
  const idle = METHODS.filter(({ name }) => callsOf(methodOf(report, name)) === 0);
  const failures = sum(report, repeatable, 'failed');
  const calls = repeatable.reduce((all, { name }) => all + callsOf(methodOf(report, name)), 0);
  const verdict = (bad: boolean): string => (bad ? 'FAILED' : 'ok    ');
  const lines = [
    `${verdict(failures > 0)}  idempotent unary calls that failed: ${failures} of ${calls}`,
    `        calls that are not idempotent: ${sum(report, once, 'failed')} failed, ` +
      `${sum(report, once, 'unknown')} with unknown outcome`,
    `        streams: ${sum(report, streams, 'failed')} failed, ` +
      `${sum(report, streams, 'unknown')} interrupted`,
    ...METHODS.flatMap((method) => lastFailure(method, methodOf(report, method.name))),
    ...idle.map(({ name }) => `FAILED  nobody called ${name}`),
    ...deaths.map((death) => `FAILED  ${death}`),
  ];
  return { passed: failures + idle.length + deaths.length === 0, lines };
}

function sum(report: Report, methods: readonly ShopMethod[], key: 'failed' | 'unknown'): number {
  return methods.reduce((total, { name }) => total + methodOf(report, name)[key], 0);
}

/** The latest failure of a method, in words; nothing where there was none. */
function lastFailure({ name }: ShopMethod, { lastFailure: text }: MethodReport): string[] {
  return text === undefined ? [] : [`        ${name}, last: ${text}`];
}
