import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

describe('the bench command', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'inboard-bench-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('measures, prints a table and writes the figures', { timeout: 60_000 }, async () => {
    const file = join(directory, 'figures.json');
    const { code, output } = await run(
      ...['--quick', '--only', 'grpc-js', '--workload', 'bidi', '--rounds', '2', '--json', file],
    );
    expect(code).toBe(0);
    expect(output).toMatch(/^bidi · /m);
    expect(output).toMatch(/^grpc-js +[\d,]+ .* 1\.00/m);
    const figures: unknown = JSON.parse(readFileSync(file, 'utf8'));
    expect(figures).toMatchObject({
      environment: { node: process.version, cores: availableParallelism() },
      results: [{ rows: [{ row: 'grpc-js', ratioToBase: { rate: 1 } }] }],
    });
  });

  it('says what is wrong with a command line', async () => {
    const { code, errors } = await run('--only', 'grpc');
    expect(code).toBe(2);
    expect(errors).toContain("no row 'grpc'");
  });

  it.runIf(process.platform === 'linux')('leaves nothing running when interrupted', async () => {
    const bench = start('--quick', '--only', 'grpc-js', '--workload', 'unary-1');
    const children = await waitForChildren(bench, 2);
    bench.kill('SIGINT');
    const [code] = (await once(bench, 'exit')) as [number];
    expect(code).toBe(130);
    await expect.poll(() => children.filter(isRunning), { timeout: 5_000 }).toEqual([]);
  });
});

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(
  ...args: readonly string[]
): Promise<{ code: number; output: string; errors: string }> {
  const bench = start(...args);
  const { stdout, stderr } = bench;
  if (stdout === null || stderr === null) throw new Error('no pipes');
  const [output, errors, [code]] = await Promise.all([
    text(stdout),
    text(stderr),
    once(bench, 'exit') as Promise<[number]>,
  ]);
  return { code, output, errors };
}

async function waitForChildren({ pid }: ChildProcess, count: number): Promise<number[]> {
  const list = `/proc/${pid}/task/${pid}/children`;
  const children = (): number[] =>
    readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number);
  await expect.poll(() => children().length, { timeout: 8_000 }).toBe(count);
  return children();
}

/** A zombie that nobody has reaped yet has no command line any more. */
function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8') !== '';
}
