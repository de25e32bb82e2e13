import type { Reply } from './reply.ts';

const LINKS: readonly (readonly [path: string, what: string])[] = [
  ['/metrics', 'metrics for Prometheus'],
  ['/healthz', 'the process runs'],
  ['/readyz', 'it may be sent calls'],
  ['/snapshot', 'channels, endpoints, breakers, policy and servers, as JSON'],
  ['/deprecations', 'who uses what the contracts call deprecated, as JSON'],
];

/** What there is to be asked for. */
export function indexPage(console: boolean): Reply {
  const links = console ? [['/console', 'the live console'] as const, ...LINKS] : LINKS;
  const items = links.map(([path, what]) => `<li><a href="${path}">${path}</a> ${what}</li>`);
  const body = [
    '<!doctype html>',
    '<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">',
    `<title>inboard</title><h1>inboard</h1><ul>${items.join('')}</ul></html>`,
    '',
  ].join('\n');
  return { status: 200, type: 'text/html; charset=utf-8', body };
}
