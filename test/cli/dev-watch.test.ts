import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { describe, expect, test } from 'vitest';

import { FileWatch } from '../../src/cli/dev/file-watch.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';

/** A watch of all files below `src`, and what it tells as seen from there. */
async function begin(files: Readonly<Record<string, string>>): Promise<
  Disposable & {
    readonly folder: string;
    next(): Promise<string[]>;
  }
> {
  const folder = join(await fixtureTree(files), 'src');
  const watch = new FileWatch([{ folder, deep: true, takes: (file) => !file.endsWith('.log') }]);
  await watch.begin();
  return {
    folder,
    next: async () => (await watch.next()).map((file) => relative(folder, file)),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

describe('FileWatch', () => {
  test('sees a file that is written, added, removed', async () => {
    using watch = await begin({ 'src/a.ts': '1' });
    await writeFile(join(watch.folder, 'a.ts'), '2');
    expect(await watch.next()).toEqual(['a.ts']);
    await writeFile(join(watch.folder, 'b.ts'), '1');
    expect(await watch.next()).toEqual(['b.ts']);
    await rm(join(watch.folder, 'a.ts'));
    expect(await watch.next()).toEqual(['a.ts']);
  });

  test('sees a file that an editor replaces, again and again', async () => {
    using watch = await begin({ 'src/deep/a.ts': '1' });
    for (const text of ['2', '3', '4']) {
      await writeFile(join(watch.folder, 'deep/.a.ts.tmp'), text);
      await rename(join(watch.folder, 'deep/.a.ts.tmp'), join(watch.folder, 'deep/a.ts'));
      expect(await watch.next()).toEqual(['deep/a.ts']);
    }
    // As vim does: the old one is moved away, and a new one is written.
    await rename(join(watch.folder, 'deep/a.ts'), join(watch.folder, 'deep/a.ts~'));
    await writeFile(join(watch.folder, 'deep/a.ts'), '5');
    await rm(join(watch.folder, 'deep/a.ts~'));
    expect(await watch.next()).toEqual(['deep/a.ts']);
  });

  test('sees what is in new folders, and in folders that are moved', async () => {
    using watch = await begin({ 'src/a.ts': '1' });
    await mkdir(join(watch.folder, 'x/y'), { recursive: true });
    await writeFile(join(watch.folder, 'x/y/b.ts'), '1');
    expect(await watch.next()).toEqual(['x/y/b.ts']);
    await rename(join(watch.folder, 'x'), join(watch.folder, 'z'));
    expect(await watch.next()).toEqual(['x/y/b.ts', 'z/y/b.ts']);
    await writeFile(join(watch.folder, 'z/y/b.ts'), '2');
    expect(await watch.next()).toEqual(['z/y/b.ts']);
  });

  test('sees a folder that is removed and comes back, also its own', async () => {
    using watch = await begin({ 'src/deep/a.ts': '1' });
    for (const gone of [join(watch.folder, 'deep'), watch.folder, join(watch.folder, '..')]) {
      await rm(gone, { recursive: true });
      expect(await watch.next()).toEqual(['deep/a.ts']);
      await mkdir(join(watch.folder, 'deep'), { recursive: true });
      await writeFile(join(watch.folder, 'deep/a.ts'), '1');
      expect(await watch.next()).toEqual(['deep/a.ts']);
      await writeFile(join(watch.folder, 'deep/a.ts'), '2');
      expect(await watch.next()).toEqual(['deep/a.ts']);
    }
    // At once, so that the folder of that name is another one when it is looked at.
    await rm(join(watch.folder, 'deep'), { recursive: true });
    await mkdir(join(watch.folder, 'deep'));
    await writeFile(join(watch.folder, 'deep/b.ts'), '1');
    expect(await watch.next()).toEqual(['deep/a.ts', 'deep/b.ts']);
    await writeFile(join(watch.folder, 'deep/b.ts'), '2');
    expect(await watch.next()).toEqual(['deep/b.ts']);
  });

  test('says nothing of output, editors’ files and what nobody takes', async () => {
    using watch = await begin({ 'src/a.ts': '1', 'src/generated/x.ts': '1' });
    const others = ['generated/x.ts', '.a.ts.swp', 'a.ts~', '#a.ts#', '4913', 'a.log'];
    for (const other of others) await writeFile(join(watch.folder, other), '2');
    await mkdir(join(watch.folder, 'node_modules'));
    await writeFile(join(watch.folder, 'node_modules/y.ts'), '1');
    await writeFile(join(watch.folder, 'a.ts'), '2');
    expect(await watch.next()).toEqual(['a.ts']);
  });

  test('sees what changes while nobody waits', async () => {
    using watch = await begin({ 'src/a.ts': '1', 'src/b.ts': '1' });
    await writeFile(join(watch.folder, 'a.ts'), '2');
    await writeFile(join(watch.folder, 'b.ts'), '2');
    expect(await watch.next()).toEqual(['a.ts', 'b.ts']);
  });
});
