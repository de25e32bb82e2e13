import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

import { HealthCheckResponse_ServingStatus } from '../../generated/grpc/health/v1/health.ts';
import { packProject } from '../../scripts/lib/pack.ts';
import { run, runOrThrow } from '../../scripts/lib/run.ts';
import { createClient, HealthDefinition } from '../../src/index.ts';
import type { Image } from './dockerfile.ts';
import { buildImage } from './dockerfile.ts';
import { inboard } from './cli.ts';
import { GIT } from './new-fixture.ts';

// npm installs what it has seen before, and buf and tsc run, all on a machine that is busy.
vi.setConfig({ testTimeout: 200_000, hookTimeout: 400_000 });

/** A new user has npm's defaults, and not the settings of this project, which npm hands on. */
const env = { ...GIT, npm_config_strict_allow_scripts: 'false', npm_config_prefer_offline: 'true' };

let folder = '';
let project = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-new-'));
  const tarball = await packProject(folder);
  const { code, stderr } = await inboard(['new', 'shop', '--inboard', tarball], {
    cwd: folder,
    env,
  });
  if (code !== 0) throw new Error(stderr);
  project = join(folder, 'shop');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: { readonly check: { readonly steps: readonly WorkflowStep[] } };
}

interface WorkflowStep {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

test('its code passes the strict type checker', async () => {
  const { code, output } = await run('npx', ['tsc', '--strict'], { cwd: project, env });
  expect({ code, output }).toEqual({ code: 0, output: '' });
});

test('its contracts pass lint and format', async () => {
  for (const args of [['lint'], ['format', '--diff', '--exit-code']]) {
    expect(await inboard(args, { cwd: project })).toEqual({ code: 0, stdout: '', stderr: '' });
  }
});

describe('its workflow', () => {
  async function workflow(): Promise<Workflow> {
    const file = join(project, '.github/workflows/ci.yml');
    return parse(await readFile(file, 'utf8')) as Workflow;
  }

  /** The lines that it runs. */
  function commandsOf({ jobs }: Workflow): string[] {
    return jobs.check.steps.flatMap((step) => step.run ?? []);
  }

  test('runs on each pull request, with the tags that contracts are compared with', async () => {
    const whole = await workflow();
    expect(whole.on).toEqual({ pull_request: null, push: { branches: ['main'] } });
    const { steps } = whole.jobs.check;
    const checkout = steps.find(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkout?.with?.['fetch-depth']).toBe(0);
    const commands = ['npm ci', 'npx tsc', 'npx inboard check -o github-actions', 'npm test'];
    expect(commandsOf(whole)).toEqual(commands);
  });

  test('passes in a fresh clone, and stops what breaks callers of the last release', async () => {
    const clone = join(folder, 'clone');
    const git = (...args: string[]) => runOrThrow('git', args, { cwd: clone, env });
    await runOrThrow('git', ['clone', '--quiet', project, clone], { env });
    // As GitHub's runners do it.
    const follow = (command: string) => run('bash', ['-e', '-c', command], { cwd: clone, env });
    const commands = commandsOf(await workflow());
    for (const command of commands) expect(await follow(command)).toMatchObject({ code: 0 });
    // Nothing of it writes to what is committed.
    expect((await git('status', '--porcelain')).stdout).toBe('');

    await git('tag', 'v0.1.0');
    const contract = join(clone, 'proto/shop/v1/shop.proto');
    const text = await readFile(contract, 'utf8');
    await writeFile(contract, text.replace('string name = 1;', 'int32 name = 1;'));
    await runOrThrow('npm', ['run', 'generate'], { cwd: clone, env });
    const check = commands.find((command) => command.includes('inboard check')) ?? '';
    const { code, output } = await follow(check);
    expect(code).toBe(100);
    expect(output).toMatch(/^::error .*file=proto\/shop\/v1\/shop\.proto.*changed type/m);
  });
});

describe('its image', () => {
  let image: Image;

  beforeAll(async () => {
    image = await buildImage(project, join(folder, 'image'));
  });

  /** Starts what the image starts, at addresses that are free here. */
  function start(more: Readonly<Record<string, string>>): ReturnType<typeof spawn> {
    const [, ...args] = image.command;
    return spawn(process.execPath, args, {
      cwd: join(image.folder, image.workdir),
      env: { ...image.env, ADMIN_ADDRESS: '127.0.0.1:0', ...more },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
  }

  /** The log, line by line. */
  function logOf(child: ReturnType<typeof spawn>): AsyncIterator<string> {
    if (child.stderr === null) throw new Error('it has no stderr');
    return createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  }

  async function entryOf(log: AsyncIterator<string>): Promise<Readonly<Record<string, unknown>>> {
    const { value } = (await log.next()) as { readonly value: string };
    return JSON.parse(value) as Readonly<Record<string, unknown>>;
  }

  test('has what the server needs, without what builds it, and no root', async () => {
    expect(image.command[0]).toBe('node');
    expect(image.user).toMatch(/^[1-9]\d*:/);
    const packages = join(image.folder, image.workdir, 'node_modules');
    await readFile(join(packages, 'inboard/package.json'));
    await expect(readFile(join(packages, 'typescript/package.json'))).rejects.toThrow('ENOENT');
  });

  test('serves, drains on SIGTERM and exits with 0', async () => {
    const child = start({ LISTEN_ADDRESS: '127.0.0.1:0', DRAIN_PROPAGATION_MS: '1000' });
    try {
      const ended = once(child, 'close');
      const { address } = await entryOf(logOf(child));
      const target = ['-t', String(address)];
      const call = ['call', 'shop.v1.ShopService/Greet', '-d', '{"name":"Ada"}', '-o', 'json'];
      const greeted = { code: 0, stdout: '{"greeting":"Hello, Ada!"}\n', stderr: '' };
      expect(await inboard([...call, ...target])).toEqual(greeted);

      await using health = createClient(HealthDefinition, `static:///${String(address)}`);
      const states: number[] = [];
      for await (const { status } of health.watch({ service: 'shop.v1.ShopService' })) {
        states.push(status);
        if (states.length === 2) break;
        child.kill('SIGTERM');
      }
      const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
      expect(states).toEqual([SERVING, NOT_SERVING]);
      // Calls are served on while this news spreads.
      expect(await health.check({})).toEqual({ status: NOT_SERVING });
      expect(await ended).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('does not serve other machines in plaintext unless it is told to', async () => {
    const child = start({});
    const { reason, msg } = await entryOf(logOf(child));
    expect(reason).toContain('0.0.0.0:50051 is reachable from other machines');
    expect(msg).toBe('shop cannot serve: see Settings in README.md');
    expect(await once(child, 'close')).toEqual([1, null]);
  });
});
