import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';

import { parseStartOptions, UsageError } from '../../examples/shop/runner/options.ts';
import { InventoryServiceDefinition } from '../../generated/inventory/v1/inventory.ts';
import { OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import { PaymentsServiceDefinition } from '../../generated/payments/v1/payments.ts';
import { killRuns, Run, temporaryFolder, UNHURRIED_MS, unhurriedPolicy } from './shop-run.ts';

// Six processes start, and on a busy machine that takes a while.
vi.setConfig({ testTimeout: 120_000 });

afterEach(killRuns);

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
  // The shop calls none that is deprecated.
].filter((name) => name !== 'orders.ListOrders');

const policyText = readFileSync(
  join(import.meta.dirname, '..', '..', 'examples', 'shop', 'policy.yaml'),
  'utf8',
);

/** What a mean of measured times may be off by, in ms. */
const CLOSE_MS = 50;

/** What was left of PlaceOrder's deadline at each hop, in ms, as means. */
async function leftAtHops(run: Run): Promise<number[]> {
  const found = await run.line(/PlaceOrder .* (\d+)›(\d+)›(\d+)\|(\d+)$/);
  return found.slice(1).map(Number);
}

/** A deadline is handed on, and less of it is left at each hop. */
function expectHandedOn([gateway = 0, orders = 0, ...behind]: number[], deadlineMs: number): void {
  expect(gateway).toBeLessThanOrEqual(deadlineMs);
  expect(gateway).toBeGreaterThan(deadlineMs - CLOSE_MS);
  expect(orders).toBeLessThanOrEqual(gateway);
  for (const left of behind) {
    expect(left).toBeLessThanOrEqual(orders);
    expect(left).toBeLessThan(deadlineMs);
  }
}

test('--once breaks the shop in every way, and no idempotent call fails', async () => {
  await using folder = await temporaryFolder();
  const policy = await unhurriedPolicy(folder.path);
  const run = new Run('--once', '--duration', '14', '--seed', '7', '--policy', policy);
  await run.ended(0);

  expect(methods).toHaveLength(9);
  for (const method of methods) {
    expect({ method, ok: run.counts(method).ok > 0 }).toEqual({ method, ok: true });
  }
  expect(run.output).toMatch(/^ok +idempotent unary calls that failed: 0 of [1-9]\d*$/m);
  expect(run.output).toMatch(/^ok +ran twice: 0 of [1-9]\d* charges, reservations$/m);
  // The faults struck, and this is what the policy did about them.
  const { figures } = run;
  expect(figures).toMatchObject({ seed: 7, failed: 0, twice: 0 });
  expect(figures).toMatchObject({ kills: 1, drains: 1, troubles: 1, outages: 1 });
  for (const key of ['struck_calls', 'retries', 'ejections', 'breakers_opened', 'refused']) {
    expect({ key, happened: (figures[key] ?? 0) > 0 }).toEqual({ key, happened: true });
  }
  for (const line of [
    /^ +\d+\.\d s {2}SIGKILL inventory-\d$/,
    /^ +\d+\.\d s {2}SIGTERM inventory-\d: it drains$/,
    /^ +\d+\.\d s {2}inventory-\d has drained in \d+\.\d s and ended$/,
    /^ +\d+\.\d s {2}inventory-\d is back \(pid \d+\)$/,
    /^ +\d+\.\d s {2}inventory-\d is slow and failing for \d+\.\d s$/,
    /^ +\d+\.\d s {2}ejected inventory-\d for \d+\.\d s: 5 failures in a row$/,
    /^ +\d+\.\d s {2}breaker of payments\.ChargeCustomer: open$/,
  ]) {
    await run.line(line);
  }
  expectHandedOn(await leftAtHops(run), UNHURRIED_MS);
  expect([...(await run.pids()).values()].filter(isRunning)).toEqual([]);
});

test('without retries idempotent calls fail, and what is tried again blindly runs twice', async () => {
  await using folder = await temporaryFolder();
  const blindly = ['{ idempotent: false }', '{ idempotent: true }'] as const;
  const policy = await unhurriedPolicy(folder.path, blindly);
  // With ejection it would be over before much of it is seen.
  const args = ['--once', '--duration', '10', '--faults', 'trouble', '--without'];
  const fragile = new Run(...args, 'retry,ejection');
  const blind = new Run(...args, 'ejection', '--policy', policy);
  await Promise.all([fragile.ended(1), blind.ended(1)]);

  expect(fragile.output).toMatch(/^FAILED {2}idempotent unary calls that failed: [1-9]\d* of /m);
  expect(fragile.figures).toMatchObject({ troubles: 1, retries: 0, hedges: 0, twice: 0 });
  expect(blind.output).toMatch(/^FAILED {2}ran twice: [1-9]\d* of /m);
  expect(blind.figures).toMatchObject({ troubles: 1, failed: 0 });
});

test('a payments that is killed is named, started again, and costs charges but no reads', async () => {
  await using folder = await temporaryFolder();
  const policy = await unhurriedPolicy(folder.path);
  const run = new Run('--once', '--duration', '10', '--faults', 'none', '--policy', policy);
  const pid = (await run.pids()).get('payments');
  if (pid === undefined) throw new Error(`payments is not in:\n${run.output}`);
  // The shop is at work.
  await run.line(/calls\/s /);
  process.kill(pid, 'SIGKILL');
  await run.line(new RegExp(` payments \\(pid ${pid}\\) was killed by SIGKILL; starting it again`));
  await run.line(/ payments is back \(pid \d+\)$/);

  await run.ended(1);
  expect(run.output).toMatch(/^ok +idempotent unary calls that failed: 0 of [1-9]\d*$/m);
  expect(run.output).toContain(`FAILED  payments (pid ${pid}) was killed by SIGKILL`);
  const { refused = 0, unknown = 0, failed, twice } = run.figures;
  expect({ failed, twice }).toEqual({ failed: 0, twice: 0 });
  const lost = ['orders.PlaceOrder', 'payments.ChargeCustomer'].map((name) => run.counts(name));
  for (const counts of lost) expect(counts.failed + counts.unknown).toBeGreaterThan(0);
  expect(refused).toBe(lost.reduce((sum, counts) => sum + counts.failed, 0));
  expect(unknown).toBe(lost.reduce((sum, counts) => sum + counts.unknown, 0));
  expect(run.counts('orders.GetOrder')).toMatchObject({ failed: 0, unknown: 0 });
});

test('the policy file is taken up while the shop runs; Ctrl-C ends all six processes', async () => {
  await using folder = await temporaryFolder();
  const policy = join(folder.path, 'policy.yaml');
  await writeFile(policy, policyText);
  const run = new Run('--faults', 'none', '--policy', policy);
  const pids = await run.pids();
  expect(pids.size).toBe(6);

  await writeFile(policy, policyText.replace('attempts: 3', 'attemps: 3'));
  await run.line(/ The policy file was refused; the last good policy stays in force$/);
  await run.line(/policy\.yaml:\d+:\d+ defaults\.retry\.attemps: is no known key; did you mean/);
  await writeFile(policy, policyText.replace('attempts: 3', 'attempts: 4'));
  await run.line(/ The policy file is in force as it is now \(.*policy\.yaml\)$/);

  // Some orders are placed meanwhile.
  await run.line(/calls\/s /);
  run.process.kill('SIGINT');
  await run.ended(0);
  expect(run.output).not.toContain('was killed');
  // Nobody but the contract sets it.
  const left = await leftAtHops(run);
  expectHandedOn(left, 3_000);
  // Without faults each order is reserved and then charged.
  expect(left).toEqual([...left].toSorted((a, b) => b - a));
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
  [['--duration', '30'], '--duration is how long --once runs'],
  [['--once', '--duration', 'soon'], "not 'soon'"],
  [['--once', '--duration', '5'], '--duration 5 is too short for these faults: give 10 or more'],
  [
    ['--faults', 'kill,flood'],
    "--faults takes some of kill,drain,trouble,outage, or none; not 'flood'",
  ],
  [
    ['--without', 'retries'],
    "--without takes some of retry,hedge,breaker,ejection,health; not 'retries'",
  ],
  [['--seed', '1.5'], "--seed takes a whole number from 0 on, as in 7; not '1.5'"],
])('%j is refused with a reason', (args, reason) => {
  const program = () => parseStartOptions(args);
  expect(program).toThrow(UsageError);
  expect(program).toThrow(reason);
});

test('a wrong option ends with exit code 2, and a policy that cannot be used with 1', async () => {
  await using folder = await temporaryFolder();
  const policy = join(folder.path, 'policy.yaml');
  await writeFile(policy, policyText.replace('attempts: 3', 'attempts: 0'));
  const usage = new Run('--onse');
  const refused = new Run('--policy', policy);
  const missing = new Run('--policy', join(folder.path, 'none.yaml'));
  await Promise.all([usage.ended(2), refused.ended(1), missing.ended(1)]);
  expect(usage.output).toContain("Unknown option '--onse'");
  expect(usage.output).toContain('--once');
  expect(refused.output).toMatch(/policy\.yaml:\d+:\d+ defaults\.retry\.attempts: is 0; /);
  expect(missing.output).toMatch(/The policy file .*none\.yaml cannot be read: ENOENT/);
});
