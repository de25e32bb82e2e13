import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { fixtureTree } from '../tooling/fixture-tree.ts';
import { inboard } from './cli.ts';
import { BARE } from './new-fixture.ts';

describe('new refuses', () => {
  const names: [name: string, hint: string][] = [
    ['My Shop', 'Try: inboard new my-shop'],
    ['myShop', 'Try: inboard new my-shop'],
    ['shop_2', 'Try: inboard new shop-2'],
    ['2nd--shop-', 'Try: inboard new nd-shop'],
    ['größe', 'Try: inboard new gr-e'],
    ['.', 'Try: inboard new shop'],
    ['', 'Try: inboard new shop'],
    ['__proto__', 'Try: inboard new proto'],
    ['a'.repeat(64), `Try: inboard new ${'a'.repeat(63)}`],
    ['../shop', 'Go to the folder that it is to stand in, and give its name alone.'],
    ['inboard', 'Try: inboard new my-inboard'],
    ['typescript', 'Try: inboard new my-typescript'],
  ];

  test.each(names)("the name '%s'", async (name, hint) => {
    const cwd = await fixtureTree({});
    const { code, stdout, stderr } = await inboard(['new', name], { cwd });
    expect(stderr).toContain(`inboard: '${name}' `);
    expect(stderr).toContain(`\n  ${hint}\n`);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await readdir(cwd)).toEqual([]);
  });

  test('a folder that holds anything, and leaves it as it is', async () => {
    const cwd = await fixtureTree({ 'shop/own.txt': 'mine' });
    const { code, stderr } = await inboard(['new', 'shop', ...BARE], { cwd });
    expect(stderr).toMatch(
      /The folder 'shop' is not empty: it holds 'own\.txt'.*\n {2}Give another/,
    );
    expect(code).toBe(2);
    expect(await readdir(join(cwd, 'shop'))).toEqual(['own.txt']);
  });

  test('a file in its place', async () => {
    const cwd = await fixtureTree({ shop: 'mine' });
    const { code, stderr } = await inboard(['new', 'shop', ...BARE], { cwd });
    expect(stderr).toMatch(
      /The folder 'shop' cannot be made: a file is there already\n {2}Start it/,
    );
    expect(code).toBe(2);
    expect(await readFile(join(cwd, 'shop'), 'utf8')).toBe('mine');
  });

  test('but not a folder that is empty, or a fresh repository', async () => {
    const cwd = await fixtureTree({ 'shop/.git/HEAD': 'ref: refs/heads/main\n' });
    await mkdir(join(cwd, 'other'));
    expect((await inboard(['new', 'shop', ...BARE], { cwd })).code).toBe(0);
    expect((await inboard(['new', 'other', ...BARE], { cwd })).code).toBe(0);
  });

  test('nobody who asks for help', async () => {
    const { code, stdout, stderr } = await inboard(['new', '--help']);
    expect(stdout).toMatch(/^Usage: inboard new \[options\] <name>\n/);
    expect(stdout).toMatch(/\nExamples:\n {2}inboard new shop\n/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('no name, two names and an option of nobody', async () => {
    const runs: [args: string[], message: RegExp][] = [
      [[], /missing required argument 'name'/],
      [['a', 'b'], /too many arguments/],
      [['a', '--no-instal'], /'--no-instal'\n\(Did you mean --no-install\?\)/],
    ];
    for (const [args, message] of runs) {
      const { code, stderr } = await inboard(['new', ...args], { cwd: await fixtureTree({}) });
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });
});
