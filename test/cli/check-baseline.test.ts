import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import { runOrThrow } from '../../scripts/lib/run.ts';
import { inboard } from './cli.ts';
import { contractProject, released, SHOP } from './contract-project.ts';

// Each run of buf and git takes part of a second, and more on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const COMPARE = ['check', '--only', 'breaking,policy'];

describe('what is compared with', () => {
  test('nothing yet: said, with what to do, and no failure', async () => {
    const project = await contractProject();
    const { code, stdout } = await project.inboard('check');
    expect(stdout).toMatch(/^skipped breaking {2}no baseline yet$/m);
    expect(stdout).toContain("0 findings; nothing to compare with: no tag matches 'v[0-9]*'");
    expect(stdout).toContain('git tag v0.1.0');
    expect(code).toBe(0);
  });

  test('the last release tag, and no other tag', async () => {
    const project = await released();
    await project.change('string id = 1', 'string id = 3');
    await project.commit('v2.0.0');
    await project.git('tag', 'nightly');
    expect((await project.inboard(...COMPARE)).stdout).toContain('compared with tag v2.0.0');
    const nightly = await project.inboard(...COMPARE, '--tags', 'night*');
    expect(nightly.stdout).toContain('compared with tag nightly');
    const first = await project.inboard(...COMPARE, '--against', 'v1.0.0');
    expect(first.stdout).toContain('1 finding, compared with v1.0.0');
    expect(first.code).toBe(100);
  });

  test('no tag of what is not released yet, unless it is asked for', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    await project.commit('v2.0.0-rc.1');
    expect((await project.inboard(...COMPARE)).stdout).toContain('compared with tag v1.0.0');
    const asked = await project.inboard(...COMPARE, '--tags', 'v[0-9]*-*');
    expect(asked.stdout).toContain('compared with tag v2.0.0-rc.1');
  });

  test('contracts in a submodule are not taken for none', async () => {
    const contracts = await released();
    const modules = 'version: v2\nmodules:\n  - path: proto/proto\n';
    const project = await contractProject({ 'buf.yaml': modules });
    await rm(join(project.folder, 'proto'), { recursive: true });
    await project.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      'add',
      contracts.folder,
      'proto',
    );
    await project.commit('v1.0.0');
    const { code, stderr } = await project.inboard('check', '--only', 'breaking');
    expect(stderr).toMatch(
      /no contracts but in a submodule, 'proto'.*\n {2}Start it in the submodule/,
    );
    expect(code).toBe(1);
  });

  test('a commit, when the change is committed already', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    await project.commit();
    expect((await project.inboard(...COMPARE, '--against', 'HEAD')).code).toBe(0);
    expect((await project.inboard(...COMPARE, '--against', 'HEAD~1')).code).toBe(100);
  });

  test('a committed image, where there is no tag', async () => {
    const project = await contractProject();
    await runOrThrow('buf', ['build', '-o', 'contracts.binpb'], { cwd: project.folder });
    await project.change('string id = 1', 'string id = 3');
    const { code, stdout } = await project.inboard(...COMPARE);
    expect(stdout).toContain('1 finding, compared with contracts.binpb');
    expect(code).toBe(100);
  });

  test('a package of contracts, also in place of the sources', async () => {
    const project = await contractProject();
    await mkdir(join(project.folder, 'pack'));
    await runOrThrow('buf', ['build', '-o', 'pack/image.binpb'], { cwd: project.folder });
    await project.change('seconds: 2', 'seconds: 1');
    const late = await project.inboard('check', '--against', 'pack');
    expect(late.stdout).toContain('timeout of shop.v1.ShopService/GetShop was 2 s and is 1 s');
    expect(late.code).toBe(100);
    await runOrThrow('buf', ['build', '-o', 'contracts.binpb'], { cwd: project.folder });
    const back = await project.inboard('check', 'pack', '--against', 'contracts.binpb');
    expect(back.stdout).toMatch(/^skipped lint {6}.*is an image, which has no sources$/m);
    expect(back.stdout).toContain('ok      policy');
    expect(back.code).toBe(0);
  });

  test('a clone without the tags is refused, for all would pass', async () => {
    const project = await released();
    await project.git('tag', '-d', 'v1.0.0');
    const clone = join(project.folder, 'clone');
    await project.git('commit', '--quiet', '--allow-empty', '--message', 'next');
    await project.git('clone', '--quiet', '--depth=1', `file://${project.folder}`, clone);
    const { code, stderr } = await project.inboard('check', '--against', 'HEAD');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await cp(join(project.folder, 'node_modules'), join(clone, 'node_modules'), {
      verbatimSymlinks: true,
      recursive: true,
    });
    const shallow = await inboard(['check'], { cwd: clone });
    expect(shallow.stderr).toMatch(/this clone is shallow.*\n {2}Fetch them: .*fetch-depth: 0/);
    expect(shallow.code).toBe(2);
  });

  test('a repository that git will not read is no repository without tags', async () => {
    const project = await released();
    await project.change('seconds: 2', 'seconds: 1');
    const env = { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    const { code, stderr } = await inboard(['check'], { cwd: project.folder, env });
    expect(stderr).toMatch(/dubious ownership.*--against FILE/s);
    expect(code).toBe(1);
  });

  test('a tag on another branch only is refused, for all would pass', async () => {
    const project = await contractProject();
    await project.commit();
    await project.git('checkout', '--quiet', '-b', 'release');
    await project.git('commit', '--quiet', '--allow-empty', '--message', 'release');
    await project.git('tag', 'v1.0.0');
    await project.git('checkout', '--quiet', '-');
    await project.change('seconds: 2', 'seconds: 1');
    const { code, stderr } = await project.inboard(...COMPARE);
    expect(stderr).toMatch(/v1\.0\.0 is on another branch\n {2}.*--against v1\.0\.0/);
    expect(code).toBe(2);
    expect((await project.inboard(...COMPARE, '--against', 'v1.0.0')).code).toBe(100);
  });

  test('a contract that git lacks is told, and not taken for a new one', async () => {
    const project = await released();
    await project.change('string id = 1', 'string id = 3');
    const id = (await project.git('rev-parse', `v1.0.0:${SHOP}`)).trim();
    await rm(join(project.folder, '.git/objects', id.slice(0, 2), id.slice(2)));
    const { code, stderr } = await project.inboard(...COMPARE);
    expect(stderr).toMatch(/^inboard: git checkout-index failed: .*--against FILE/s);
    expect(code).toBe(1);
  });

  test('an image in JSON, with the policies in it', async () => {
    const project = await contractProject();
    await project.change('seconds: 2', 'seconds: 60');
    await runOrThrow('buf', ['build', '-o', 'old.json'], { cwd: project.folder });
    await project.change('seconds: 60', 'seconds: 20');
    const { code, stdout } = await project.inboard(...COMPARE, '--against', 'old.json');
    expect(stdout).toContain('timeout of shop.v1.ShopService/GetShop was 60 s and is 20 s');
    expect(code).toBe(100);
  });

  test('a folder inside of a repository', async () => {
    const project = await contractProject();
    const inner = join(project.folder, 'services/shop');
    await mkdir(inner, { recursive: true });
    for (const name of ['buf.yaml', 'proto']) {
      await cp(join(project.folder, name), join(inner, name), { recursive: true });
      await rm(join(project.folder, name), { recursive: true });
    }
    await project.commit('v1.0.0');
    await project.change('seconds: 2', 'seconds: 1', `services/shop/${SHOP}`);
    const { code, stdout } = await inboard(['check'], { cwd: inner });
    expect(stdout).toMatch(/^ {2}proto\/shop\/v1\/shop\.proto:11:17: timeout of/m);
    expect(code).toBe(100);
  });
});
