import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser, openPage, startBrowser, texts, why } from './browser.ts';
import { FixtureServer } from './fixture-server.ts';
import { methodRow, shopState, START, stateOf } from './states.ts';

const soon = { timeout: 10_000 };

describe.skipIf(noBrowser !== undefined)(`live console${why}`, { timeout: 40_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 30_000);
  afterAll(() => browser.close());

  test('a stream that stops is said to be stale, then lost; it comes back by itself', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await expect.poll(() => texts(page, '#live'), soon).toEqual(['● live']);
    server.hangUp();
    await page.locator('#live.stale').waitFor(soon);
    expect(await page.locator('#live').innerText()).toMatch(/^▲ stale [3-9] s$/);
    expect(await page.locator('#said').textContent()).toBe('Connection lost, the numbers are old.');
    expect(await page.locator('#old').innerText()).toMatch(/^▲ No data for [3-9] s/);
    await page.locator('#live.lost').waitFor({ timeout: 20_000 });
    expect(await page.locator('#live').innerText()).toMatch(/^✕ lost 1\d s$/);
    server.silent = false;
    await expect.poll(() => texts(page, '#live'), soon).toEqual(['● live']);
    expect(await page.locator('#said').textContent()).toBe('Live again.');
    expect(await page.locator('#old').isVisible()).toBe(false);
  });

  test('a stream that stays open and says nothing is made anew', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page, asked } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    const streams = () => asked.filter((url) => url.endsWith('/events')).length;
    expect(streams()).toBe(1);
    await expect.poll(streams, soon).toBe(2);
    await expect.poll(() => server.following, soon).toBe(1);
  });

  test('the keyboard goes through the methods, into one, and back', async () => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    const focused = () =>
      page.evaluate(() => document.activeElement?.querySelector('b')?.innerText);
    await page.keyboard.press('j');
    expect(await focused()).toBe('Charge');
    await page.keyboard.press('j');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('Refund');
    await page.keyboard.press('k');
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toBe('Charge');
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    expect(ring).toBe('solid');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Charge' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('drawer-close');
    await page.keyboard.press('Escape');
    expect(await page.locator('#drawer').isVisible()).toBe(false);
    expect(await focused()).toBe('Charge');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'How to read this page' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#help').isVisible()).toBe(false);
    expect(await page.locator('td.name button[tabindex="0"]').count()).toBe(1);
  });

  test('the filter narrows every list; Escape clears it, then leaves it', async () => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('client payments');
    expect(await texts(page, 'td.name b')).toEqual(['Charge', 'Refund']);
    expect(await page.locator('#methods-count').innerText()).toBe('2 of 11');
    await page.keyboard.press('Escape');
    await page.keyboard.type('10.0.4.1');
    expect(await texts(page, '.channel h3')).toEqual(['dns:///inventory:50051']);
    expect(await texts(page, '#methods-none')).toEqual(['Nothing fits the filter.']);
    await page.keyboard.press('Escape');
    expect(await page.locator('#methods-body tr').count()).toBe(11);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  });

  test('a column sorts down, up, and then worst first again', async () => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    const names = async () => (await texts(page, 'td.name b')).slice(0, 2);
    const sort = page.getByRole('button', { name: 'Calls/s' });
    await sort.click();
    expect(await names()).toEqual(['GetItem', 'GetOrder']);
    expect(await page.locator('th.rate').getAttribute('aria-sort')).toBe('descending');
    await sort.click();
    expect(await names()).toEqual(['ImportOrders', 'Check']);
    expect(await page.locator('th.rate').getAttribute('aria-sort')).toBe('ascending');
    await sort.click();
    expect(await names()).toEqual(['Charge', 'PlaceOrder']);
    expect(await page.locator('th.mark').getAttribute('aria-sort')).toBe('descending');
  });

  test('rows keep their places while one is used, and the numbers go on', async () => {
    const two = (first: number, second: number, at: number) =>
      stateOf({
        at: START + at * 1000,
        methods: [
          methodRow({ method: 'First', success: first, rate: 100 }),
          methodRow({ method: 'Second', success: second, rate: 100 }),
        ],
      });
    await using server = await FixtureServer.start(two(0.5, 0.99, 0));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await expect.poll(() => texts(page, 'td.name b'), soon).toEqual(['First', 'Second']);
    await page.keyboard.press('j');
    server.send(two(1, 0.25, 1));
    await expect.poll(() => texts(page, 'td.success'), soon).toEqual(['100 %', '25.0 %']);
    expect(await texts(page, 'td.name b')).toEqual(['First', 'Second']);
    expect(await page.locator('#methods-held').isVisible()).toBe(true);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    server.send(two(1, 0.25, 2));
    await expect.poll(() => texts(page, 'td.name b'), soon).toEqual(['Second', 'First']);
  });

  test('the drawer shows the policy with its sources, and what calls ended with', async () => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body tr').first().click();
    await page.locator('.policy').waitFor();
    expect(await texts(page, '.policy tr')).toEqual([
      'timeoutMs 250 contract',
      'maxTimeoutMs off default',
      'retry.attempts 3 code.methods',
      'retry.codes UNAVAILABLE, ABORTED default',
      'breaker.failureShare 0.5 file.methods',
      'breaker.windowMs 10000 default',
    ]);
    expect(await texts(page, '#drawer-codes li')).toEqual([
      'OK 19 861',
      'UNAVAILABLE 183',
      'DEADLINE_EXCEEDED 15',
    ]);
    expect(await texts(page, '#drawer-stats div')).toContain('Circuit open');
    await page.getByText('PlaceOrder').first().click();
    expect(await texts(page, '#drawer-method')).toEqual(['PlaceOrder']);
    expect(await texts(page, '#drawer-policy')).toEqual([
      'Policies are of clients: see the client side of this method.',
    ]);
  });

  test('a click copies a trace id, and says so', async () => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#slow .trace').first().click();
    await page.locator('#toast.shown').waitFor();
    expect(await texts(page, '#toast')).toEqual([
      '✓ Copied the trace id 0af7651916cd43dd8448eb211c80319c',
    ]);
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  test('a minute of calls is drawn as it was, with a gap where nothing was seen', async () => {
    const at = (second: number, calls: number, failures: number) =>
      stateOf({
        at: START + second * 1000,
        methods: [methodRow({ method: 'Get', rate: 10, success: 1, calls, failures })],
      });
    await using server = await FixtureServer.start(at(0, 100, 0));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body tr').waitFor();
    server.send(at(1, 110, 5));
    server.send(at(2, 130, 5));
    // As it comes where a page has just connected: too soon to tell a rate.
    server.send(at(2.1, 135, 5));
    // Ten seconds of nothing, in which 100 calls were made.
    server.send(at(12, 230, 5));
    const calls = page.locator('#methods-body .area');
    await expect
      .poll(() => calls.getAttribute('d'), soon)
      .toBe('M0 20H94V10H98V1H100V20H118V10H120V20z');
    const failures = page.locator('#methods-body .fails');
    expect(await failures.getAttribute('d')).toBe('M0 20H96V15H98V20H120V20z');
  });

  test('a page in the background draws nothing, and all of it once it is seen', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    const hide = (hidden: boolean) =>
      page.evaluate((is) => {
        Object.defineProperty(document, 'hidden', { value: is, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    server.send(shopState(45));
    await expect.poll(() => page.title(), soon).toBe('✕ orders · inboard');
    expect(await texts(page, '.circuit .state')).not.toContain('half-open');
    await hide(false);
    expect(await texts(page, '.circuit .state')).toContain('half-open');
  });
});
