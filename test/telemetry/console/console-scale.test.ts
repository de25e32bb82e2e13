import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser, openPage, startBrowser, why } from './browser.ts';
import { FixtureServer } from './fixture-server.ts';
import { largeState } from './states.ts';

interface Frame {
  readonly scriptMs: number;
  readonly layoutMs: number;
}

declare global {
  interface Window {
    drawings?: Frame[];
  }
}

const UPDATES = 40;
/** What a frame may take at one update a second without being felt. */
const FELT_MS = 50;

describe.skipIf(noBrowser !== undefined)(`a large console${why}`, { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 30_000);
  afterAll(() => browser.close());

  test.each([
    ['as it opens', false],
    ['with every row shown', true],
  ])('300 methods and 200 endpoints stay smooth, %s', async (_, all) => {
    await using server = await FixtureServer.start(largeState(0));
    await using opened = await openPage(browser, server.url);
    const { page, complaints } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    for (const more of all ? await page.locator('.more').filter({ visible: true }).all() : []) {
      await more.evaluate((button) => (button as HTMLElement).click());
    }
    for (const more of all
      ? await page.locator('.channel .more').filter({ visible: true }).all()
      : []) {
      await more.evaluate((button) => (button as HTMLElement).click());
    }
    const rows = all ? 300 : 12;
    expect(await page.locator('#methods-body tr').count()).toBe(rows);
    const kept = await page.locator('.endpoints').first().elementHandle();
    await page.evaluate(watchFrames);
    for (let tick = 1; tick <= UPDATES; tick++) {
      server.send(largeState(tick));
      await page.waitForFunction((due) => (window.drawings ?? []).length >= due, tick);
    }
    const frames = await page.evaluate(() => window.drawings ?? []);
    const script = frames.map(({ scriptMs }) => scriptMs);
    const frame = frames.map(({ scriptMs, layoutMs }) => scriptMs + layoutMs);
    const told = `script ${spread(script)}, with style and layout ${spread(frame)}`;
    console.log(`300 methods, 200 endpoints, ${rows} method rows: ${told}`);
    expect(quantile(script, 0.5)).toBeLessThan(FELT_MS);
    expect(await kept?.evaluate((table) => table.isConnected)).toBe(true);
    expect(await page.locator('#methods-body tr').count()).toBe(rows);
    expect(complaints).toEqual([]);
  });
});

/** Keeps what each drawing took, and the style and layout that it made due. */
function watchFrames(): void {
  const frames: Frame[] = [];
  window.drawings = frames;
  const took = document.querySelector('#took');
  if (took === null) return;
  new MutationObserver(() => {
    const start = performance.now();
    document.body.getBoundingClientRect();
    const layoutMs = performance.now() - start;
    frames.push({
      scriptMs: Number.parseFloat(took.textContent.slice('drawn in '.length)),
      layoutMs,
    });
  }).observe(took, { childList: true, characterData: true, subtree: true });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

function spread(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(1)} ms (95 %: ${quantile(values, 0.95).toFixed(1)})`;
}
