import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { consolePage } from '../../../src/telemetry/console/page.ts';
import { noBrowser, openPage, startBrowser, texts, why } from './browser.ts';
import { contrasts } from './contrast.ts';
import { FixtureServer } from './fixture-server.ts';
import { callRow, endpointRow, methodRow, shopState, stateOf } from './states.ts';

test('the page is one document below 60 KB that names no other place', () => {
  const { html } = consolePage();
  expect(Buffer.byteLength(html)).toBeLessThan(60_000);
  const named = [...html.matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([url]) => url);
  expect([...new Set(named)]).toEqual(['http://www.w3.org/2000/svg']);
  expect(html).not.toContain('innerHTML');
});

describe.skipIf(noBrowser !== undefined)(`console in Chromium${why}`, { timeout: 30_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 30_000);
  afterAll(() => browser.close());

  test.each(['light', 'dark'] as const)('fills every section, %s', async (scheme) => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url, { scheme });
    const { page, complaints, asked } = opened;
    await page.locator('#methods-body tr').first().waitFor();

    expect(await texts(page, '#findings li')).toEqual([
      '✕ 2 methods failing',
      '✕ 1 circuit open',
      '✕ 1 endpoint ejected',
      '✕ 1 endpoint down',
      '▲ 1 method with some failures',
      '▲ 1 circuit half-open',
    ]);
    expect(await page.title()).toBe('✕ orders · inboard');
    expect(await texts(page, '#ready, #in-flight')).toEqual([
      'Process ✓ Ready /readyz says yes',
      'In flight 104 78 in · 26 out · 14 conn.',
    ]);
    expect((await texts(page, '#methods-body td.name b')).slice(0, 3)).toEqual([
      'Charge',
      'PlaceOrder',
      'Refund',
    ]);
    expect(await texts(page, '.channel h3')).toEqual([
      'dns:///payments.shop.svc.cluster.local:50051',
      'dns:///inventory:50051',
    ]);
    expect((await texts(page, '.endpoints .pill')).slice(0, 4)).toEqual([
      '✕ ejected 15 s',
      '● ready',
      '● ready',
      '✕ backoff',
    ]);
    expect(await texts(page, '.circuit .state')).toEqual([
      'open, probe in 1 s',
      'half-open',
      'closed',
      'closed',
    ]);
    expect(
      await page.locator('.circuit').first().locator('.timeline .open').getAttribute('d'),
    ).toBe('M85 12V0H112V12zM256 12V0H280V12zM285 12V0H300V12z');
    expect(await page.locator('#failed .call').count()).toBe(6);
    expect((await texts(page, '#slow .call'))[0]).toBe(
      '↘ server PlaceOrder 2 215 ms 4 s ago ● OK 10.0.9.20:53144 0af76519',
    );
    expect(await texts(page, '.host .line')).toContain(
      'bulkhead shop.orders.v1.OrderService/ListOrders 6 in use, 2 waiting',
    );
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(ground).toBe(scheme === 'light' ? 'rgb(243, 245, 248)' : 'rgb(12, 18, 28)');
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([]);
  });

  test.each(['light', 'dark'] as const)('every text has a contrast of 4.5, %s', async (scheme) => {
    await using server = await FixtureServer.start(shopState(45));
    await using opened = await openPage(browser, server.url, { scheme });
    const { page } = opened;
    await page.locator('#methods-body tr').first().click();
    await page.locator('.policy').waitFor();
    await page.evaluate(() => document.querySelector<HTMLDialogElement>('#help')?.show());
    const found = await contrasts(page);
    expect(found.length).toBeGreaterThan(150);
    expect(found.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
  });

  test.each([1440, 800])('nothing is wider than a window of %i', async (width) => {
    const long = 'a-very-long-name.'.repeat(12);
    const state = stateOf({
      process: { name: long, invoke: true },
      methods: [methodRow({ method: long, service: long, rate: 1e7, calls: 1e12, p99: 1e7 })],
      channels: [
        {
          target: long,
          balancer: 'least_request',
          panic: true,
          retryBudget: 0,
          resolutionError: long,
          endpoints: [endpointRow(long, { lastError: long, ejectedForMs: 86_400_000 })],
        },
      ],
      failed: [callRow({ method: long, details: long, peer: long, code: 'FAILED_PRECONDITION' })],
    });
    await using server = await FixtureServer.start(state);
    await using opened = await openPage(browser, server.url, { width });
    const { page } = opened;
    await page.locator('#methods-body tr').first().waitFor();
    const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(scrolled).toBeLessThanOrEqual(width);
    expect(await page.locator('td.name button').first().getAttribute('title')).toContain(long);
  });

  test('says what there is not, rather than nothing', async () => {
    await using server = await FixtureServer.start(stateOf());
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.getByText('No method was called or served yet.').waitFor();
    expect(await texts(page, '.none')).toEqual([
      'No method was called or served yet.',
      'No client in this process yet.',
      'No server in this process yet.',
      'No method here has a breaker yet.',
      'No call failed lately.',
      'No calls yet.',
      "Calls from this page are off. To turn them on: server.admin.listen('127.0.0.1:9464', { invoke: true })",
    ]);
    expect(await page.locator('#calm').innerText()).toBe(
      '✓ Nothing stands out: 0 methods, 0 channels.',
    );
    expect(await texts(page, '#called .sub')).toEqual(['no client in this process yet']);
  });

  test('markup in names and errors is text', async () => {
    const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
    const state = stateOf({
      process: { name: evil, invoke: true },
      methods: [methodRow({ method: evil, service: evil, codes: { [evil]: 3 } })],
      channels: [
        {
          target: evil,
          balancer: evil,
          panic: true,
          retryBudget: 1,
          resolutionError: evil,
          endpoints: [endpointRow(evil, { state: evil, lastError: evil })],
        },
      ],
      circuits: [
        {
          target: evil,
          service: evil,
          method: evil,
          state: 'open',
          calls: 1,
          failures: 1,
          timesOpened: 1,
          nextProbeInMs: 1,
          changes: [],
        },
      ],
      servers: [
        {
          draining: false,
          inFlight: 0,
          connections: 0,
          health: { [evil]: evil },
          bulkheads: { [evil]: { inUse: 1, queued: 1 } },
        },
      ],
      failed: [callRow({ method: evil, details: evil, code: evil, peer: evil, traceId: evil })],
    });
    await using server = await FixtureServer.start(state);
    await using opened = await openPage(browser, server.url);
    const { page, complaints, asked } = opened;
    await page.locator('#methods-body tr').first().click();
    await page.locator('#drawer-policy .none').waitFor();
    await page.locator('#failed .trace').first().click({ force: true });
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(1);
    expect(await page.evaluate(() => 'hit' in window)).toBe(false);
    expect(await page.locator('#drawer-method').textContent()).toBe(evil);
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([]);
  });

  test('the theme follows the system until one is chosen, which is kept', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url, { scheme: 'dark' });
    const { page } = opened;
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(await ground()).toBe('rgb(12, 18, 28)');
    await page.getByRole('button', { name: 'Use the light theme' }).click();
    expect(await ground()).toBe('rgb(243, 245, 248)');
    await page.reload();
    expect(await ground()).toBe('rgb(243, 245, 248)');
    await page.getByRole('button', { name: 'Use the dark theme' }).click();
    expect(await ground()).toBe('rgb(12, 18, 28)');
  });
});
