import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../../scripts/lib/run.ts';
import { adminPair } from '../admin/support.ts';
import { noBrowser, openPage, startBrowser, texts, why } from './browser.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';
const soon = { timeout: 10_000 };

describe.skipIf(noBrowser !== undefined)(`console of a process${why}`, { timeout: 30_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 30_000);
  afterAll(() => browser.close());

  test('shows its calls, its policy, and makes one from the form', async () => {
    const descriptors = await readFile(join(root, 'generated', 'descriptors.binpb'));
    await using looked = await adminPair(
      { invoke: true },
      { server: { reflection: { descriptors } } },
    );
    const { pair, admin } = looked;
    for (let i = 0; i < 20; i++) await pair.client.unary({});
    await using opened = await openPage(browser, `${admin.url}/console`);
    const { page, complaints, asked } = opened;
    await expect
      .poll(() => texts(page, '#methods-body td:nth-child(3)'), soon)
      .toEqual(expect.arrayContaining(['↗ client', '↘ server']));
    await page.keyboard.press('/');
    await page.keyboard.type('client Unary');
    await page.locator('#methods-body tr').first().click();
    await expect.poll(() => page.locator('.policy tr').count(), soon).toBeGreaterThan(5);
    await page.keyboard.press('Escape');

    await page.getByLabel('Method', { exact: true }).selectOption(`${SERVICE}/Unary`);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('#try-answer').waitFor();
    expect(await texts(page, '#try-status')).toEqual(['● OK']);
    expect(JSON.parse(await page.locator('#try-messages').innerText())).toBeTypeOf('object');
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(admin.url))).toEqual([]);
  });
});
