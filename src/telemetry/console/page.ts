import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The console as one document that fetches nothing but from where it came. */
export interface ConsolePage {
  readonly html: string;
  /** For the header `Content-Security-Policy`: only the style and the script in it may run. */
  readonly csp: string;
}

/** Reads `console.html`, which `scripts/build-console.ts` makes from the files in `page/`. */
export function consolePage(): ConsolePage {
  const html = readFileSync(new URL('console.html', import.meta.url), 'utf8');
  const csp = [
    "default-src 'none'",
    `script-src ${hashOf(html, 'script')}`,
    `style-src ${hashOf(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, csp };
}

/** What a Content-Security-Policy calls the one inline script or style of a page by. */
function hashOf(html: string, element: 'script' | 'style'): string {
  const start = html.indexOf(`<${element}>`) + element.length + 2;
  const text = html.slice(start, html.indexOf(`</${element}>`, start));
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
