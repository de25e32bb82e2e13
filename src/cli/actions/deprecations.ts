import type { DeprecationReport } from '../../telemetry/deprecations/report.ts';
import { adminUrl, askAdmin } from '../admin-endpoint.ts';
import type { DeprecationSum } from '../deprecations/sum.ts';
import { sumReports } from '../deprecations/sum.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { print, table, withProgress } from '../output.ts';

export interface DeprecationsOptions extends OutputOptions {
  readonly from: readonly string[];
  readonly failIfUsed?: true;
}

/** How many callers a failure names. */
const NAMED = 5;

/** Prints who uses what is deprecated. With `failIfUsed`, that anybody does is a failure. */
export async function deprecations(options: DeprecationsOptions): Promise<void> {
  // One process that is named twice must not count twice.
  const urls = new Map(
    options.from.map((from) => adminUrl(from, '/deprecations')).map((url) => [url.href, url]),
  );
  const reports = Promise.all([...urls.values()].map(readReport));
  const sum = sumReports(await withProgress(`asking ${[...urls.keys()].join(', ')}`, reports));
  await print(options.output === 'json' ? JSON.stringify(sum) : textOf(sum));
  if (options.failIfUsed === true) failIfUsed(sum);
}

async function readReport(url: URL): Promise<DeprecationReport> {
  const response = await askAdmin(url, 'application/json');
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && isReport(body)) return body;
  const told = (body as { readonly error?: unknown } | undefined)?.error;
  const answer = `${url.href} answered ${response.status}, no deprecations`;
  throw new CliFailure(typeof told === 'string' ? `${answer}: ${told}` : answer, {
    hint: 'Is this an admin endpoint, and its inboard new enough to have /deprecations?',
  });
}

/** As far as this command reads it: what answers may be anything. */
function isReport(body: unknown): body is DeprecationReport {
  const { since, deprecated } = (body ?? {}) as Partial<DeprecationReport>;
  return typeof since === 'string' && Array.isArray(deprecated) && deprecated.every(isPart);
}

function isPart(part: unknown): boolean {
  const { method, field, uses } = (part ?? {}) as Partial<DeprecationReport['deprecated'][number]>;
  const named = typeof method === 'string' && typeof field === 'string';
  return named && Array.isArray(uses) && uses.every(isUse);
}

function isUse(use: unknown): boolean {
  const { caller, calls, lastAt } = (use ?? {}) as Readonly<Record<string, unknown>>;
  return typeof caller === 'string' && typeof calls === 'number' && typeof lastAt === 'string';
}

function textOf({ processes, since, deprecated }: DeprecationSum): string {
  const where = processes === 1 ? 'this process' : `these ${processes} processes`;
  if (deprecated.length === 0) return `Nothing that is deprecated is served by ${where}.`;
  const rows = deprecated.flatMap(({ method, field, uses }) => {
    const part = [method, field === '' ? '-' : field];
    if (uses.length === 0) return [[...part, '-', '0', 'unused: safe to remove here']];
    return uses.map(({ caller, calls, lastAt }) => [
      ...part,
      caller,
      String(calls),
      secondsOf(lastAt),
    ]);
  });
  const counted = `Counted in ${where} since ${secondsOf(since)}.`;
  return `${table(['METHOD', 'FIELD', 'CALLER', 'CALLS', 'LAST USE'], rows)}\n\n${counted}`;
}

/** `2026-11-03 10:15:00Z` */
function secondsOf(isoDate: string): string {
  return isoDate.replace('T', ' ').replace(/\.\d+/, '');
}

function failIfUsed({ deprecated }: DeprecationSum): void {
  const used = deprecated.filter(({ uses }) => uses.length > 0);
  if (used.length === 0) return;
  const callers = [...new Set(used.flatMap(({ uses }) => uses.map(({ caller }) => caller)))];
  const more = callers.length > NAMED ? ` and ${callers.length - NAMED} more` : '';
  const what = `${used.length} of ${deprecated.length} deprecated methods and fields are in use`;
  throw new CliFailure(`${what}, by ${callers.slice(0, NAMED).join(', ')}${more}`, {
    exitCode: EXIT.found,
    hint: 'Move these callers to what replaces them, and restart the servers, which begin to count anew.',
  });
}
