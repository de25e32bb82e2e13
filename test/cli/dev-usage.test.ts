import { describe, expect, test } from 'vitest';

import { inboard } from './cli.ts';
import { DevProject } from './dev-project.ts';

describe('dev', { timeout: 30_000 }, () => {
  const wrong: [what: string, remove: string[], args: string[], message: RegExp][] = [
    ['no buf.yaml', ['buf.yaml'], [], /There is no buf\.yaml in '.*'\n {2}.*> buf\.yaml\n/s],
    ['no buf.gen.yaml', ['buf.gen.yaml'], [], /There is no buf\.gen\.yaml.*\n.*cp node_modules/],
    ['no entry', ['src/server.ts'], [], /there is no src\/server\.ts.*\n {2}Name it: inboard dev/],
    ['an entry of nobody', [], ['src/main.ts'], /'src\/main\.ts' cannot be started.*no such file/],
    ['a folder for an entry', [], ['src'], /'src' cannot be started/],
    ['contracts of nobody', [], ['--proto', 'protos'], /--proto 'protos' is no folder/],
    ['a module of nobody', ['proto'], [], /The module of buf\.yaml 'proto' is no folder/],
    ['code of nobody', [], ['--watch', 'lib'], /--watch 'lib' is no folder/],
    ['no tsconfig', [], ['--tsconfig', 'none.json'], /--tsconfig 'none\.json' cannot be read/],
    ['no time', [], ['--grace', 'soon'], /'soon' is invalid\. Write 500ms/],
    ['arguments without --', [], ['src/server.ts', '--port', '1'], /unknown option '--port'/],
  ];

  test.each(wrong)('%s: exit code 2, and what to do', async (_what, remove, args, message) => {
    const project = await DevProject.make();
    for (const file of remove) await project.remove(file);
    const { code, stdout, stderr } = await inboard(['dev', ...args], { cwd: project.folder });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a main of nobody, a package.json and a buf.yaml of no sense: exit code 2', async () => {
    const project = await DevProject.make({ 'package.json': '{"main": "dist/server.js"}' });
    await project.remove('src/server.ts');
    const fails = async (message: RegExp): Promise<void> => {
      const { code, stderr } = await inboard(['dev'], { cwd: project.folder });
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    };
    await fails(/`main` of package\.json 'dist\/server\.js' cannot be started/);
    await project.write('package.json', '{');
    await fails(/package\.json is no JSON/);
    await project.write('src/server.ts', '');
    await project.write('buf.yaml', 'version: v2\nmoduls: []\n');
    await fails(/buf cannot read buf\.yaml:.*moduls/s);
  });

  test('starts what package.json names, and watches where it is', async () => {
    const project = await DevProject.make({
      'package.json': '{"type": "module", "main": "app/main.js"}',
      'app/main.js': "console.log('from main');",
    });
    await project.remove('src/server.ts');
    await using dev = project.dev('--no-check');
    expect(await dev.next()).toMatchObject({ folders: ['src', 'app', 'proto'] });
    await dev.run.told('from main');
    await project.write('app/main.js', "console.log('changed');");
    await dev.run.told('changed');
  });

  test('says once that no types are checked, where there is no TypeScript', async () => {
    const project = await DevProject.make({ 'src/server.ts': "console.log('runs');\n" });
    await project.remove('node_modules');
    const buf = '#!/bin/sh\n[ "$1" = config ] && echo proto\nexit 0\n';
    await project.write('node_modules/.bin/buf', buf);
    await project.allow('node_modules/.bin/buf');
    await using dev = project.dev();
    expect(await dev.next()).toMatchObject({
      event: 'note',
      message: 'types are not checked: TypeScript is not installed (npm i -D typescript)',
    });
    await dev.run.told('runs');
    await project.write('src/server.ts', "console.log('again');\n");
    await dev.run.told('again');
    expect(await dev.namesUntil('changed')).not.toContain('note');
    expect(await dev.namesUntil('started')).toEqual(['started']);
  });

  test('goes on where tools are away for a while', async () => {
    const project = await DevProject.make();
    await using dev = project.dev('src/server.ts', '--', '0');
    const { pid } = await dev.until('started');
    // It needs them until then.
    await dev.run.told('listening for');
    await project.move('node_modules', 'away');
    await project.write('src/greeting.ts', "export const greeting: string = 'a';\n");
    expect(await dev.until('types')).toMatchObject({
      ok: false,
      output: expect.stringContaining('tsc ENOENT') as string,
    });
    expect(await dev.next()).toEqual({ event: 'waiting', pid });
    await project.write('proto/shop/v1/more.proto', 'syntax = "proto3";\npackage shop.v1;\n');
    expect(await dev.until('generate')).toMatchObject({
      ok: false,
      output: expect.stringContaining('buf is not installed') as string,
    });
    await project.move('away', 'node_modules');
    await project.write('src/greeting.ts', "export const greeting: string = 'b';\n");
    expect(await dev.until('started')).not.toMatchObject({ pid });
  });

  test('says how to install buf where it is not', async () => {
    const project = await DevProject.make();
    await project.remove('node_modules');
    const { code, stderr } = await inboard(['dev'], { cwd: project.folder });
    expect(stderr).toMatch(/buf is not installed.*\n {2}.*npm i -D @bufbuild\/buf/);
    expect(code).toBe(1);
  });

  test('watches the folders of contracts that buf.yaml comes to name', async () => {
    const project = await DevProject.make({ 'src/server.ts': "console.log('runs');\n" });
    await using dev = project.dev('--no-check');
    await dev.until('started');
    const other = 'syntax = "proto3";\npackage other.v1;\nmessage Other {}\n';
    await project.write('more/other/v1/other.proto', other);
    await project.write('buf.yaml', 'version: v2\nmodules:\n  - path: proto\n  - path: more\n');
    await dev.until('changed');
    expect(await dev.until('generate')).toMatchObject({ files: ['generated/other/v1/other.ts'] });
    await dev.until('started');
    await project.write('more/other/v1/other.proto', `${other}message Second {}\n`);
    await dev.until('generate');
    expect(await project.read('generated/other/v1/other.ts')).toContain('Second');
    // What came of a contract goes with it.
    await project.remove('more/other/v1/other.proto');
    await project.write('more/other/v1/another.proto', other);
    expect(await dev.until('generate')).toMatchObject({
      files: ['generated/other/v1/another.ts', 'generated/other/v1/other.ts'],
    });
    await expect(project.read('generated/other/v1/other.ts')).rejects.toThrow('ENOENT');
  });

  test('takes output for none of the code, wherever it goes', async () => {
    const project = await DevProject.make({
      'src/server.ts': "console.log('runs');\n",
      'src/gen/shop/v1/shop.ts': '// of an older contract\n',
    });
    const template = await project.read('buf.gen.yaml');
    await project.write('buf.gen.yaml', template.replace('out: generated', 'out: src/gen'));
    await using dev = project.dev('--no-check');
    expect(await dev.until('generate')).toMatchObject({ files: ['src/gen/shop/v1/shop.ts'] });
    await dev.until('started');
    await dev.until('ended');
    await project.write('src/gen/shop/v1/shop.ts', '// by hand\n');
    await project.write('src/gen/other.ts', '// no output\n');
    expect(await dev.next()).toEqual({ event: 'changed', files: ['src/gen/other.ts'] });
  });

  test('generates only what --proto names', async () => {
    const project = await DevProject.make({
      'src/server.ts': "console.log('runs');\n",
      'proto/other/v1/other.proto': 'syntax = "proto3";\npackage other.v1;\nmessage O {}\n',
    });
    await using dev = project.dev('--no-check', '--proto', 'proto/shop');
    expect(await dev.next()).toMatchObject({ folders: ['src', 'proto/shop'] });
    expect(await dev.next()).toMatchObject({ files: ['generated/shop/v1/shop.ts'] });
  });
});
