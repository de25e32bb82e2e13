import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';

import { InventoryServiceDefinition } from '../../generated/inventory/v1/inventory.ts';
import { OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import { PaymentsServiceDefinition } from '../../generated/payments/v1/payments.ts';

// Six processes start, and on a busy machine that takes a while.
vi.setConfig({ testTimeout: 60_000 });

const start = join(import.meta.dirname, '..', '..', 'scripts', 'start.ts');
const running: Run[] = [];

afterEach(() => {
  for (const run of running.splice(0)) run.process.kill('SIGKILL');
});

/** `npm start -- ARGS` as a process whose output is read as it comes. */
class Run {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  private readonly exitCode: Promise<number | null>;
  private closed = false;
  private waiting: (() => void)[] = [];

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [start, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line);
        this.wake();
      });
    }
    this.exitCode = new Promise((resolve) => {
      child.on('close', (code) => {
        this.closed = true;
        resolve(code);
        this.wake();
      });
    });
    running.push(this);
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** Its end; throws all it printed when that is not the end expected. */
  async ended(expected: number): Promise<void> {
    const code = await this.exitCode;
    if (code !== expected) throw new Error(`exit code ${code}, not ${expected}:\n${this.output}`);
  }

  /** The first line that matches, as soon as it is there. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.closed) throw new Error(`no ${pattern} in:\n${this.output}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** The process ids of the shop, by name. */
  async pids(): Promise<Map<string, number>> {
    await this.line(/^gateway +\d+/);
    const rows = this.lines.map((line) => /^(\S+) +(\d+) +(?:127\.0\.0\.1:\d+|-) /.exec(line));
    return new Map(rows.flatMap((row) => (row === null ? [] : [[row[1] ?? '', Number(row[2])]])));
  }

  /** A row of the last method table. */
  counts(method: string): {
    readonly ok: number;
    readonly failed: number;
    readonly unknown: number;
  } {
    const row = this.lines.findLast((line) => line.startsWith(`${method} `));
    const [, , , , ok, failed, unknown] = row?.split(/ +/) ?? [];
    return { ok: Number(ok), failed: Number(failed), unknown: Number(unknown) };
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const methods = [
  ...Object.values(OrdersServiceDefinition.methods).map(({ name }) => `orders.${name}`),
  ...Object.values(InventoryServiceDefinition.methods).map(({ name }) => `inventory.${name}`),
  ...Object.values(PaymentsServiceDefinition.methods).map(({ name }) => `payments.${name}`),
];

test('--once runs the shop for a while: every method is called, nothing fails, all ends', async () => {
  const run = new Run('--once', '--duration', '4');
  await run.ended(0);

  expect(methods).toHaveLength(9);
  for (const method of methods) {
    const { ok, failed, unknown } = run.counts(method);
    expect({ method, called: ok > 0, failed, unknown }).toEqual({
      method,
      called: true,
      failed: 0,
      unknown: 0,
    });
  }
  expect(run.output).toMatch(/^ok +idempotent unary calls that failed: 0 of [1-9]\d*$/m);
  for (const replica of ['inventory-1', 'inventory-2', 'inventory-3']) {
    const row = run.lines.findLast((line) => line.startsWith(replica));
    expect(Number(/([\d.]+) %$/.exec(row ?? '')?.[1])).toBeGreaterThan(20);
  }
  // The deadline is handed on, and shrinks on the way.
  const [, ...left] = (await run.line(/PlaceOrder .* (\d+)›(\d+)›(\d+)\|(\d+)$/)).map(Number);
  expect(left).toEqual([...left].toSorted((a, b) => b - a));
  expect(left[0]).toBe(3_000);
  expect(left[2]).toBeLessThan(3_000);
  expect([...(await run.pids()).values()].filter(isRunning)).toEqual([]);
});

test('a payments that is killed is named, started again, and costs charges but no reads', async () => {
  const run = new Run('--once', '--duration', '8');
  const pid = (await run.pids()).get('payments');
  if (pid === undefined) throw new Error(`payments is not in:\n${run.output}`);
  // The shop is at work.
  await run.line(/calls\/s .* ok /);
  process.kill(pid, 'SIGKILL');
  await run.line(new RegExp(`^payments \\(pid ${pid}\\) was killed by SIGKILL; starting it again`));
  await run.line(/^payments is back$/);

  await run.ended(1);
  expect(run.output).toMatch(/^ok +idempotent unary calls that failed: 0 of [1-9]\d*$/m);
  expect(run.output).toContain(`FAILED  payments (pid ${pid}) was killed by SIGKILL`);
  const [, failed, unknown] = await run.line(
    /^ +calls that are not idempotent: (\d+) failed, (\d+) with unknown outcome$/,
  );
  const lost = ['orders.PlaceOrder', 'payments.ChargeCustomer'].map((name) => run.counts(name));
  for (const counts of lost) expect(counts.failed + counts.unknown).toBeGreaterThan(0);
  expect(Number(failed)).toBe(lost.reduce((sum, counts) => sum + counts.failed, 0));
  expect(Number(unknown)).toBe(lost.reduce((sum, counts) => sum + counts.unknown, 0));
  expect(run.counts('orders.GetOrder')).toMatchObject({ failed: 0, unknown: 0 });
});

test('Ctrl-C ends all six processes in order, and is no failure', async () => {
  const run = new Run();
  const pids = await run.pids();
  expect(pids.size).toBe(6);
  run.process.kill('SIGINT');
  await run.ended(0);
  expect(run.output).not.toContain('was killed');
  expect([...pids.values()].filter(isRunning)).toEqual([]);
});

test('nothing is left running when the supervisor is killed hard', async () => {
  const run = new Run();
  const pids = [...(await run.pids()).values()];
  expect(pids.filter(isRunning)).toHaveLength(6);
  run.process.kill('SIGKILL');
  // They are no children of this process, so that looking is the only way to know.
  while (pids.some(isRunning)) await delay(20);
});

test.each([
  [['--onse'], "Unknown option '--onse'"],
  [['--duration', '3'], '--duration is how long --once runs'],
  [['--once', '--duration', 'soon'], "not 'soon'"],
])('%j is refused with a reason and exit code 2', async (args, reason) => {
  const run = new Run(...args);
  await run.ended(2);
  expect(run.output).toContain(reason);
  expect(run.output).toContain('--once');
});
