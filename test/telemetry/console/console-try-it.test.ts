import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser, openPage, startBrowser, texts, why } from './browser.ts';
import { FixtureServer } from './fixture-server.ts';
import { shopState } from './states.ts';

const GET = 'shop.orders.v1.OrderService/GetOrder';

describe.skipIf(noBrowser !== undefined)(`try-it form${why}`, { timeout: 30_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 30_000);
  afterAll(() => browser.close());

  test('calls a method with message, metadata and timeout, and shows what came', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page, complaints } = opened;
    await page.getByLabel('Method', { exact: true }).selectOption(GET);
    expect(await page.getByLabel('Message, as JSON').inputValue()).toBe('{\n  "id": ""\n}');
    await page.getByLabel('Message, as JSON').fill('{"id":"o-1"}');
    await page.getByLabel(/^Metadata/).fill('x-tenant: blue\nx-note: a: b');
    await page.getByLabel('Timeout, ms').fill('750');
    await page.getByLabel('Message, as JSON').press('Control+Enter');
    await page.locator('#try-answer').waitFor();
    expect(server.invoked).toEqual([
      {
        service: 'shop.orders.v1.OrderService',
        method: 'GetOrder',
        message: { id: 'o-1' },
        metadata: { 'x-tenant': 'blue', 'x-note': 'a: b' },
        timeoutMs: 750,
      },
    ]);
    expect(await texts(page, '#try-status, #try-took, #try-header, #try-trailer')).toEqual([
      '● OK',
      '4.2 ms',
      'x-served-by orders-1',
      'grpc-status 0',
    ]);
    expect(JSON.parse(await page.locator('#try-messages').innerText())).toMatchObject({
      order: { id: 'o-1' },
    });
    expect(complaints).toEqual([]);
  });

  test('a link fills the form in and sends nothing', async () => {
    await using server = await FixtureServer.start(shopState(1));
    const link = await (async () => {
      await using opened = await openPage(browser, server.url);
      const { page } = opened;
      await page.getByLabel('Method', { exact: true }).selectOption(GET);
      await page.getByLabel('Message, as JSON').fill('{"id":"ö & #1"}');
      await page.getByRole('button', { name: 'Copy link' }).click();
      await page.locator('#toast.shown').waitFor();
      return await page.evaluate(() => navigator.clipboard.readText());
    })();
    expect(link).toContain(`${server.url}#try=`);
    await using again = await openPage(browser, link);
    const message = again.page.getByLabel('Message, as JSON');
    await expect.poll(() => message.inputValue()).toBe('{"id":"ö & #1"}');
    expect(await again.page.getByLabel('Method', { exact: true }).inputValue()).toBe(GET);
    expect(server.invoked).toEqual([]);
  });

  test('says what is wrong with a request, its own and what the server finds', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    const send = page.getByRole('button', { name: 'Send', exact: true });
    await page.getByLabel('Message, as JSON').fill('{"id":');
    await send.click();
    expect(await page.locator('#try-error').innerText()).toMatch(/^✕ The message is not JSON: /);
    await page.getByLabel('Message, as JSON').fill('{}');
    await page.getByLabel(/^Metadata/).fill('no colon');
    await send.click();
    expect(await page.locator('#try-error').innerText()).toMatch(/this is not: no colon$/);
    expect(server.invoked).toEqual([]);
    await page.getByLabel(/^Metadata/).fill('x-refuse: yes');
    await send.click();
    await expect
      .poll(() => page.locator('#try-error').innerText())
      .toBe('✕ message.id: a string is due');
  });

  test('the drawer of a served method leads here', async () => {
    await using server = await FixtureServer.start(shopState(1));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.locator('#methods-body').getByText('ImportOrders').click();
    await page.getByRole('button', { name: 'Try this method' }).click();
    expect(await page.locator('#drawer').isVisible()).toBe(false);
    expect(await page.getByLabel('Messages, as a JSON array').inputValue()).toContain('"lines"');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('try-message');
  });

  test('where calls are off, it says how to turn them on', async () => {
    await using server = await FixtureServer.start(shopState(1, false));
    await using opened = await openPage(browser, server.url);
    const { page } = opened;
    await page.getByText('Calls from this page are off.').waitFor();
    expect(await page.locator('#try-form').isVisible()).toBe(false);
    await page.locator('#methods-body').getByText('GetOrder').click();
    expect(await page.locator('#drawer-try').isVisible()).toBe(false);
  });
});
