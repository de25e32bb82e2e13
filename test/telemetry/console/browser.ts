import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** Why a suite cannot run; undefined where it can. */
export const noBrowser: string | undefined = existsSync(CHROMIUM)
  ? undefined
  : `${CHROMIUM} is missing`;

/** To put behind the name of a suite. */
export const why: string = noBrowser === undefined ? '' : `: not run because ${noBrowser}`;

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
}

/** A page, and what went wrong in it. */
export interface Opened extends AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, and what the browser complains of: CSP violations, failed requests. */
  readonly complaints: readonly string[];
  /** Every address that it asked for. */
  readonly asked: readonly string[];
}

/** Starts a browser with an empty profile, which goes away with it. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Opens an address with nothing kept from pages before it. */
export async function openPage(browser: Browser, url: string, view: View = {}): Promise<Opened> {
  const { width = 1440, height = 900, scheme = 'light', reducedMotion = 'reduce' } = view;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const complaints: string[] = [];
  const asked: string[] = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  return { page, complaints, asked, [Symbol.asyncDispose]: () => context.close() };
}

/** The texts of all that fits, without what is hidden. */
export async function texts(page: Page, selector: string): Promise<string[]> {
  const all = await page.locator(selector).filter({ visible: true }).allInnerTexts();
  return all.map((text) => text.replaceAll(/\s+/g, ' ').trim());
}
